#include "source/local_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <string_view>

namespace shoal {
namespace {

using OpenFunction = int (*)(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**);

// The path of a URL that libavformat reads with its own file protocol; empty where it is another's.
std::string local_path(std::string_view url) {
  for (const std::string_view around : {"crypto:", "crypto+"}) {
    if (url.starts_with(around)) url.remove_prefix(around.size());
  }
  if (url.starts_with("file:")) return std::string(url.substr(5));
  const std::size_t scheme = url.find_first_of(":/?");
  const bool has_scheme = scheme != std::string_view::npos && url[scheme] == ':';
  return has_scheme ? std::string() : std::string(url);
}

// libavformat's own, which every new context has.
OpenFunction default_open() {
  static const OpenFunction open = [] {
    AVFormatContext* context = avformat_alloc_context();
    const OpenFunction found = context != nullptr ? context->io_open : nullptr;
    avformat_free_context(context);
    return found;
  }();
  return open;
}

int open_regular(AVFormatContext* input, AVIOContext** stream, const char* url, int flags,
                 AVDictionary** options) {
  const std::string path = local_path(url);
  struct stat status {};
  if (!path.empty() && ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    return AVERROR(ENXIO);
  }
  return default_open()(input, stream, url, flags, options);
}

}  // namespace

void open_regular_files_only(AVFormatContext& input) {
  if (default_open() != nullptr) input.io_open = open_regular;
}

}  // namespace shoal
