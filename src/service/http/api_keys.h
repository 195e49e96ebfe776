// API keys, of which only hashes are kept: a file of "sha256-hex[ comment]" lines. A hash is made
// by `printf %s KEY | sha256sum`. The gRPC door asks here too.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "shoal/result.h"

namespace shoal {

// Threads  all methods from any thread.
class ApiKeys {
 public:
  // Empty lines and lines that begin with # are passed over.
  // Errors   not_found (no such file), invalid_argument (a line that is no hash, by its number; a
  //          file without any key).
  [[nodiscard]] static Result<std::unique_ptr<ApiKeys>> load(const std::string& file);

  // Reads the file again; on an error the keys of before stay.
  [[nodiscard]] Result<void> reload();
  // Compares with every key in constant time: how long it takes tells nothing.
  [[nodiscard]] bool allows(std::string_view key) const;
  [[nodiscard]] std::size_t count() const;

 private:
  using Hash = std::array<std::uint8_t, 32>;
  explicit ApiKeys(std::string file) : file_(std::move(file)) {}
  [[nodiscard]] static Result<std::vector<Hash>> read(const std::string& file);

  const std::string file_;
  mutable std::mutex mutex_;
  std::vector<Hash> hashes_;
};

// The key in an "Authorization: Bearer KEY" value, or else in X-API-Key's; "" where there is none.
[[nodiscard]] std::string_view presented_key(std::string_view authorization,
                                             std::string_view x_api_key);

}  // namespace shoal
