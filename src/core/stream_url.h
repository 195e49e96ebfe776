// Network addresses as people write them, with passwords of any character. Pure; allocates only
// what it returns.
#pragma once

#include <string>
#include <string_view>

namespace shoal {

// The parts of scheme://user:password@host:port/rest as they are written; views of the text.
struct StreamUrl {
  std::string_view scheme;
  std::string_view login;  // user, or user:password
  std::string_view place;  // host, host:port, [IPv6]:port
  std::string_view rest;   // from the first / or ? on
  bool has_login = false;
  // Where a login ends can be understood in several ways: its password holds / ? or # and @.
  bool ambiguous = false;
};

// As RFC 3986 has it where that gives a host and a port. Where it does not, because a password
// holds / ? or #, the login ends at the @ behind which a host stands. What would be a fragment,
// which means nothing to a camera, belongs to the password where an @ and a host follow.
[[nodiscard]] StreamUrl split_stream_url(std::string_view url);

// The same address with everything in its login as RFC 3986 wants it written: what libraries
// understand. %41 stays, a % that begins no such thing becomes %25.
[[nodiscard]] std::string encoded_stream_url(const std::string& url);

struct Login {
  std::string user;
  std::string password;
};
// Of an address: without percent signs, as it is sent.
[[nodiscard]] Login login_of(const StreamUrl& url);

}  // namespace shoal
