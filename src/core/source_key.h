// Who asks, for whom sources take turns: a client, a camera, or the program itself.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string_view>

namespace shoal {

// Each kind has numbers of its own, so that camera 7 and a client never share a turn.
struct SourceKey {
  enum class Kind : std::uint8_t {
    kLocal,   // the program's own inputs: the library, detect
    kClient,  // an address, whatever the door and however many its connections
    kCamera,
  };
  Kind kind = Kind::kLocal;
  std::uint64_t id = 0;

  friend constexpr auto operator<=>(const SourceKey&, const SourceKey&) = default;
};

// `address` as the doors print it, without a port: "192.0.2.1", "2001:db8::1".
[[nodiscard]] inline SourceKey client_source(std::string_view address) {
  // An IPv4 client of a socket that takes both kinds is the client that it is elsewhere.
  constexpr std::string_view kMapped = "::ffff:";
  if (address.starts_with(kMapped)) address.remove_prefix(kMapped.size());
  address = address.substr(0, address.find('%'));  // without the interface
  return {SourceKey::Kind::kClient, std::hash<std::string_view>{}(address)};
}

[[nodiscard]] constexpr SourceKey camera_source(std::uint64_t number) {
  return {SourceKey::Kind::kCamera, number};
}

}  // namespace shoal
