#include "core/url_secrets.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <vector>

#include "core/stream_url.h"

namespace shoal {
namespace {

using std::string_view;

constexpr string_view kHidden = "***";
constexpr std::size_t kPlainMax = 32;  // a longer value may be anything

constexpr auto kHarmless = std::to_array<string_view>(
    {"action", "audio", "buffer_size", "camera", "ch", "channel", "channelid", "channels", "chn",
     "cmd", "codec", "compression", "date", "defects", "duration", "enablesrtp", "encoding",
     "endtime", "fifo_size", "format", "fps", "framerate", "frames", "h", "height", "idc", "ids",
     "image", "inst", "linkspeed", "listen", "live", "loop", "media", "mirror", "mode", "multicast",
     "overlay", "pace", "pkt_size", "profile", "proto", "protocol", "q", "quality", "rate", "res",
     "resolution", "rotation", "seed", "size", "snapshot", "starttime", "stream", "streamid",
     "streamtype", "sub", "subtype", "tcp", "timeout", "track", "transport", "transportmode", "ttl",
     "type", "udp", "unicast", "video", "videocodec", "w", "width"});

bool is_harmless_key(string_view key) {
  std::string lower(key);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(kHarmless.begin(), kHarmless.end(), lower) != kHarmless.end();
}

bool is_plain_value(string_view value) {
  return value.size() <= kPlainMax && std::all_of(value.begin(), value.end(), [](unsigned char c) {
    return (c < 0x80 && std::isalnum(c) != 0) || c == '.' || c == '-' || c == ':' || c == '_';
  });
}

// scheme://user:password@host:port | /path?query
struct Parts {
  string_view begin;                   // "scheme://user", or up to the path where nobody is named
  std::optional<string_view> password;
  string_view server;                  // "@host:port"
  string_view rest;
};

// Where the user and password end, if there are any: where whoever connects reads them to end, and
// farther on where that is in doubt.
std::size_t end_of_user(string_view url, std::size_t begin) {
  const StreamUrl read = split_stream_url(url);
  if (read.ambiguous) return url.rfind('@');
  if (read.has_login) return begin + read.login.size();
  // "host:80/x@y" may also be a user and a password of which nobody has encoded the /. A query may
  // well have an @ in it.
  const std::size_t host_end = std::min(url.find_first_of("/?#", begin), url.size());
  if (url.find(':', begin) >= host_end || url[begin] == '[') return string_view::npos;
  const std::size_t later = url.substr(0, url.find('?', begin)).rfind('@');
  return later == string_view::npos || later < host_end ? string_view::npos : later;
}

std::optional<Parts> parts_of(string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == string_view::npos || scheme == 0 || url.substr(0, scheme) == "file") {
    return std::nullopt;
  }
  const std::size_t begin = scheme + 3;
  const std::size_t at = end_of_user(url, begin);
  const std::size_t host = at == string_view::npos ? begin : at;
  const std::size_t rest = std::min(url.find_first_of("/?#", host), url.size());
  Parts parts{.begin = url.substr(0, host), .password = std::nullopt,
              .server = url.substr(host, rest - host), .rest = url.substr(rest)};
  const std::size_t colon = at == string_view::npos ? at : url.find(':', begin);
  if (colon < host) {
    parts.begin = url.substr(0, colon);
    parts.password = url.substr(colon + 1, host - colon - 1);
  }
  return parts;
}

bool begins_query(char c) { return c == '?' || c == '#'; }

// Calls `part(text, is_query)` for each piece of a path and query that is between separators, and
// adds what it gives, with the separators, to a text.
template <typename Piece>
std::string for_each_piece(string_view rest, Piece piece) {
  std::string out;
  bool query = false;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of(query ? "&;?#" : "/&;?#"), rest.size());
    out += piece(rest.substr(0, end), query);
    rest.remove_prefix(end);
    if (rest.empty()) break;
    query = query || begins_query(rest.front());
    out.push_back(rest.front());
    rest.remove_prefix(1);
  }
  return out;
}

std::string shown_piece(string_view piece, bool query) {
  const std::size_t equals = piece.find('=');
  if (equals == string_view::npos) {
    const bool shown = !query || piece.empty() || is_harmless_key(piece);
    return std::string(shown ? piece : kHidden);
  }
  const string_view key = piece.substr(0, equals);
  const string_view value = piece.substr(equals + 1);
  if (value.empty() || (is_harmless_key(key) && is_plain_value(value))) return std::string(piece);
  return std::string(key) + "=" + std::string(kHidden);
}

std::string shown_rest(string_view rest) { return for_each_piece(rest, shown_piece); }

// The value that `rest` has for this key; of several the first that is not hidden itself.
std::optional<std::string> value_in(string_view rest, string_view key) {
  std::optional<std::string> value;
  (void)for_each_piece(rest, [&](string_view piece, bool) {
    const std::size_t equals = piece.find('=');
    if (!value && equals != string_view::npos && piece.substr(0, equals) == key &&
        piece.substr(equals + 1) != kHidden) {
      value = std::string(piece.substr(equals + 1));
    }
    return std::string();
  });
  return value;
}

std::string joined(const Parts& parts, string_view password, string_view rest) {
  std::string url(parts.begin);
  if (parts.password) (url += ':') += password;
  return (url += parts.server) += rest;
}

bool ends_word(char c) {
  constexpr string_view kAround = " \t\r\n\"'<>()|";
  return kAround.find(c) != string_view::npos;
}

std::size_t word_end(string_view text, std::size_t from) {
  while (from < text.size() && !ends_word(text[from])) ++from;
  return from;
}

bool ends_sentence(char c) { return c == ':' || c == ',' || c == '.' || c == ';'; }

}  // namespace

std::string without_secrets(string_view url) {
  const auto parts = parts_of(url);
  if (!parts) return std::string(url);
  return joined(*parts, kHidden, shown_rest(parts->rest));
}

std::string text_without_secrets(string_view text) {
  if (text.find("://") == string_view::npos && text.find('?') == string_view::npos) {
    return std::string(text);
  }
  std::string out;
  while (!text.empty()) {
    string_view word = text.substr(0, word_end(text, 0));
    // A password may hold quotation marks and brackets.
    const std::size_t blank = std::min(text.find_first_of(" \t\r\n"), text.size());
    const std::size_t at = text.substr(0, blank).rfind('@');
    if (at != string_view::npos && at >= word.size() && word.find("://") != string_view::npos) {
      word = text.substr(0, word_end(text, at));
    }
    while (!word.empty() && ends_sentence(word.back())) word.remove_suffix(1);
    const std::size_t query = word.find('?');
    if (word.find("://") != string_view::npos) {
      out += without_secrets(word);
    } else if (query != string_view::npos && word.find('=', query) != string_view::npos) {
      (out += word.substr(0, query)) += shown_rest(word.substr(query));
    } else {
      out += word;
    }
    text.remove_prefix(word.size());
    while (!text.empty() && (ends_word(text.front()) || ends_sentence(text.front()))) {
      out.push_back(text.front());
      text.remove_prefix(1);
    }
  }
  return out;
}

std::string with_secrets_of(string_view url, string_view known) {
  if (url == without_secrets(known)) return std::string(known);
  const auto given = parts_of(url);
  const auto whole = parts_of(known);
  if (!given || !whole || given->begin != whole->begin || given->server != whole->server) {
    return std::string(url);
  }
  const bool hidden = given->password == kHidden;
  const std::string rest =
      for_each_piece(given->rest, [&](string_view piece, bool) -> std::string {
        const std::size_t equals = piece.find('=');
        if (equals == string_view::npos || piece.substr(equals + 1) != kHidden) {
          return std::string(piece);
        }
        const string_view key = piece.substr(0, equals);
        const auto value = value_in(whole->rest, key);
        return value ? std::string(key) + "=" + *value : std::string(piece);
      });
  return joined(*given, hidden ? whole->password.value_or(kHidden) : given->password.value_or(""),
                rest);
}

bool has_hidden_secrets(string_view url) {
  const auto parts = parts_of(url);
  if (!parts) return false;
  bool hidden = parts->password == kHidden;
  (void)for_each_piece(parts->rest, [&](string_view piece, bool query) {
    const std::size_t equals = piece.find('=');
    hidden = hidden || (equals == string_view::npos ? query && piece == kHidden
                                                    : piece.substr(equals + 1) == kHidden);
    return std::string();
  });
  return hidden;
}

}  // namespace shoal
