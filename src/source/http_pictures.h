// Pictures of a camera over HTTP, through libcurl: motion JPEG in whatever packaging, and addresses
// that give one picture. FFmpeg reads only the strictest packaging and no Digest but MD5.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/packet.h"
#include "shoal/result.h"
#include "source/source.h"
#include "source/stop_signal.h"

namespace shoal {

// http:// or https://, and not by its name a video file or a playlist.
[[nodiscard]] bool may_give_pictures(std::string_view url);

// The answer decides what it is:
//
//   image/...                      one picture; with SourceOptions::poll asked for again and again
//   multipart/..., or JPEGs        kVideo packets of motion JPEG, one a picture
//   whatever else                  FFmpeg's
//
// Packagings differ in their boundary lines, headers and lengths, right or wrong: none is gone by.
// Basic and Digest (MD5, SHA-256) with what stands in the URL; redirections are followed, without
// the login to another host. As FFmpeg does it, certificates are not checked: cameras sign theirs
// themselves.
//
// Threads  one caller at a time; the StopSignal, raised by any thread, ends a blocked call within
//          a tenth of a second.
// Cost     keeps one picture and what arrived behind it, at most 64 MiB each.
class HttpPictures {
 public:
  // Reads up to the first picture.
  //
  // Returns  nullptr: FFmpeg's.
  // Errors   begin with the URL, without its password: not_found, unavailable, unsupported (a web
  //          page), corrupt_input, invalid_argument (a login that is refused), deadline_exceeded,
  //          cancelled.
  [[nodiscard]] static Result<std::unique_ptr<HttpPictures>> open(const std::string& url,
                                                                  const SourceOptions& options,
                                                                  StopSignal& stop);
  ~HttpPictures();
  HttpPictures(const HttpPictures&) = delete;
  HttpPictures& operator=(const HttpPictures&) = delete;

  // As Source::next, for what this URL gives.
  [[nodiscard]] Result<bool> next(Packet& packet);
  [[nodiscard]] bool is_live() const;
  [[nodiscard]] VideoFormat format() const;

 private:
  struct State;
  explicit HttpPictures(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace shoal
