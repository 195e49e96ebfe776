// How bodies are wrapped: chunks taken apart, gzip and deflate undone and done. No sockets.
#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "service/http/request_head.h"

namespace shoal {

// Takes a chunked body apart (RFC 9112 7.1), strictly: sizes are hex digits and nothing else, lines
// end in CR LF. Extensions and trailers are read over, to a bound.
class ChunkDecoder {
 public:
  // Takes the framing at the front of `input`, up to the next data or the end of the body; answers
  // how many bytes.
  // Errors  corrupt_input; nothing may be fed after it.
  [[nodiscard]] Result<std::size_t> take_framing(std::string_view input);
  // Bytes of data that come next; 0 where framing does.
  [[nodiscard]] std::uint64_t data_left() const { return at_ == At::kData ? size_ : 0; }
  // That many of them were taken. REQUIRES count <= data_left().
  void took(std::uint64_t count);
  [[nodiscard]] bool done() const { return at_ == At::kDone; }

 private:
  enum class At : std::uint8_t {
    kSize, kExtension, kSizeFeed, kData, kDataReturn, kDataFeed, kTrailer, kTrailerFeed, kDone
  };
  [[nodiscard]] Result<void> frame(char letter);

  At at_ = At::kSize;
  std::uint64_t size_ = 0;  // of the current chunk: what is left of it
  int digits_ = 0;
  std::size_t framing_ = 0;  // bytes of extensions and trailers so far
  std::string trailer_;      // its current line
};

// zlib's stream, undone as it arrives.
class Inflater {
 public:
  explicit Inflater(ContentCoding coding);  // kGzip or kDeflate (which in HTTP means zlib's format)
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  struct Taken {
    std::size_t consumed = 0;
    std::size_t written = 0;
  };
  // Takes from `input` and writes at most `room` bytes at `out`. Whole room used: there may be more
  // to come from what was taken; call again, with empty input too.
  // Errors  corrupt_input: not this coding, damaged, or bytes after its end; out_of_memory.
  [[nodiscard]] Result<Taken> take(std::string_view input, char* out, std::size_t room);
  [[nodiscard]] bool done() const { return done_; }

 private:
  z_stream stream_{};
  bool gzip_;
  bool usable_;
  bool done_ = false;
};

// The coding to answer in by an Accept-Encoding header: gzip or deflate, whichever it weighs more;
// kIdentity where it names neither. `only`: it names that coding alone, so somebody asked for it.
struct AcceptedCoding {
  ContentCoding coding = ContentCoding::kIdentity;
  bool only = false;
};
[[nodiscard]] AcceptedCoding accepted_coding(std::string_view accept_encoding);

// Whether answers of this type shrink: JSON and text. Pictures do not.
[[nodiscard]] bool is_text(std::string_view content_type);

// The body compressed; nothing where that saves less than a tenth or memory is short.
[[nodiscard]] std::optional<std::string> compress(std::string_view body, ContentCoding coding);

}  // namespace shoal
