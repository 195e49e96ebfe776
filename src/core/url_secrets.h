// URLs as they may be shown: in logs, errors, statuses and configurations. One place knows what in
// a URL is a secret.
//
// Passwords are hidden, and of queries, fragments and KEY=VALUE in paths every value whose key is
// not known to be harmless (channel, subtype, width and the like). That is the safe way round:
// makers of cameras call their passwords loginpas, p, pwd, u, sid or whatever else they like, while
// the few keys that say which picture is wanted are much the same everywhere.
#pragma once

#include <string>
#include <string_view>

namespace shoal {

// "rtsp://admin:***@10.0.0.5/1?channel=2&token=***". What is no URL of a network comes back as it
// is.
[[nodiscard]] std::string without_secrets(std::string_view url);

// The same for every URL in a text, and for names with a query ("part.ts?token=..."): messages of
// libraries, which quote what they were given.
[[nodiscard]] std::string text_without_secrets(std::string_view text);

// `url` with its *** replaced by what `known` has in these places, where both name the same server
// and user; as it is elsewhere. For a URL that was shown, changed and given back.
[[nodiscard]] std::string with_secrets_of(std::string_view url, std::string_view known);

// Whether a *** stands where a password or value should.
[[nodiscard]] bool has_hidden_secrets(std::string_view url);

}  // namespace shoal
