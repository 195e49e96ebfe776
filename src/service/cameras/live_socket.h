// The page's WebSocket: reads what the client wants to see, and hands it to the hub. What is sent
// comes from the news (texts) and the hub (pictures).
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "service/cameras/live_hub.h"
#include "service/cameras/live_news.h"
#include "service/http/socket_handler.h"
#include "shoal/result.h"

namespace shoal {

// {"type":"watch","cameras":["line-1"],"width":480,"fps":8}; width and fps have defaults.
// Errors   corrupt_input (not JSON), invalid_argument (what, which, expected, got).
[[nodiscard]] Result<ViewWish> read_watch(std::string_view message);

// `hub` and `news` outlive it.
[[nodiscard]] std::shared_ptr<SocketHandler> make_live_socket(LiveHub& hub, LiveNews& news);

}  // namespace shoal
