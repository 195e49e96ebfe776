// Whether a request may come from a foreign page that a browser has open. Without keys a server on
// loopback trusts whoever runs programs on this machine; a page of the internet in its browser is
// not among them, and these checks keep it out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "service/http/exchange.h"

namespace shoal {

// What is wrong, for the message of a 403; nothing where all is well.
//   Origin (RFC 6454), where there is one, names the host that Host names.
//   Sec-Fetch-Site, where there is one, says same-origin or none; or a person followed a link.
[[nodiscard]] std::optional<std::string> foreign_page(const HttpRequest& request);

// Whether `text` is an origin as browsers send it: scheme://host or scheme://host:port.
[[nodiscard]] bool is_origin(std::string_view text);

// The Origin of the request where `allowed` has it ("*": any); else "".
[[nodiscard]] std::string allowed_origin(const HttpRequest& request,
                                         const std::vector<std::string>& allowed);

// Whether a browser asks on behalf of a page whether it may send what it wants to send.
[[nodiscard]] bool is_preflight(const HttpRequest& request);

// The answer to such a question of an allowed origin, for a path with these methods.
[[nodiscard]] HttpResponse preflight_answer(const HttpRequest& request,
                                            const std::vector<std::string>& methods);

// What lets a page of `origin` read the answer; "" adds only that answers differ by origin.
void add_origin_headers(HttpResponse& response, std::string_view origin);

// Whether Host is an address, localhost or one of `names`, with or without a port. Any other name
// may be one that its owner lets point to 127.0.0.1, so that his page counts as ours (DNS
// rebinding). No Host at all is no browser.
[[nodiscard]] bool is_own_host(std::string_view host, const std::vector<std::string>& names);

}  // namespace shoal
