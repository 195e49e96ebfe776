// Parameters of a header that say in which character set they are: name*=UTF-8''%C3%A4.png
// (RFC 5987, RFC 8187), and in pieces, name*0=, name*1*= (RFC 2231).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace shoal {

// Collects the parameters of one name.
class ExtendedValue {
 public:
  explicit ExtendedValue(std::string_view name) : name_(name) {}

  // Takes the parameter where it is one of name*, name*N and name*N*; pieces have to come in order.
  void take(std::string_view key, std::string_view value);

  // In UTF-8; nothing where none was taken. UTF-8, US-ASCII, ISO-8859-1 and windows-1252 are read;
  // letters of other character sets, and what is no UTF-8, become '?'.
  [[nodiscard]] std::optional<std::string> text() const;

 private:
  std::string name_;
  bool found_ = false;
  int pieces_ = 0;
  std::string charset_;  // in lower case
  std::string bytes_;
};

}  // namespace shoal
