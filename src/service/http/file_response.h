// Answers with a file: whole or a range of it (RFC 9110 14), with an entity tag. The file is sent
// in pieces of 64 KiB and never held in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "service/http/exchange.h"

namespace shoal {

struct ByteRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  // one past the last byte
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};
struct NoSuchRange {
  friend bool operator==(const NoSuchRange&, const NoSuchRange&) = default;
};

// The one range that a Range field asks for of `size` bytes. Nothing: the whole, also for several
// ranges and for what is no range of bytes, which a server may ignore. NoSuchRange: 416.
[[nodiscard]] std::optional<std::variant<ByteRange, NoSuchRange>> read_range(std::string_view field,
                                                                             std::uint64_t size);

// 200, 206, 304 or 416 for a GET or HEAD of the file at `path`; 404 where there is no regular file.
// Cost     an open and an fstat here; the server's thread reads 64 KiB at a time while it sends.
[[nodiscard]] HttpResponse file_response(const HttpRequest& request, const std::string& path,
                                         std::string content_type);

}  // namespace shoal
