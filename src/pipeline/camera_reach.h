// What cameras may reach: of this machine, of its network, and by listening. The setting is
// site.allow_urls, a list of
//
//   rtsp://*   http://10.0.0.*   rtsp://cam-7:8554     scheme, host (with *) and, where given, port
//   udp://239.1.1.1:5000   tcp://127.0.0.1:9000?listen     addresses that have to be named
//   file:/srv/videos   /srv/videos   file:*           a file, or all below a folder; every file
//   /dev/video*   synthetic:*
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "shoal/result.h"

namespace shoal {

// Errors   invalid_argument: a pattern that is none; the message quotes it.
[[nodiscard]] Result<void> check_allow_urls(std::span<const std::string> allowed);

// Every camera, also of the configuration. What waits for others to connect (?listen), or names all
// addresses of this machine, a link-local address (services of clouds live there) or a group of
// multicast has to be named in `allowed`, and * alone names none of them. Addresses count in every
// way of writing that the system takes; names are not resolved.
//
// `url` has passed check_camera_url.
// Errors   invalid_argument: with the line that would allow it.
[[nodiscard]] Result<void> check_reach(const std::string& url,
                                       std::span<const std::string> allowed);

// A camera that is added or changed while running: above that, something in `allowed` has to fit.
// Of files their real place counts, wherever links lead; lists of files (.txt) are for the
// configuration.
// Errors   as above. Nothing of a file that does not fit is told, not even whether it is there.
[[nodiscard]] Result<void> check_reach_of_door(const std::string& url,
                                               std::span<const std::string> allowed);

}  // namespace shoal
