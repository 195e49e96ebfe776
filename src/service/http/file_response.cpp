#include "service/http/file_response.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cerrno>
#include <memory>
#include <vector>

#include "service/http/request_head.h"

namespace shoal {
namespace {

class OpenFile {
 public:
  explicit OpenFile(const std::string& path)
      : descriptor_(open(path.c_str(),
                         O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW)) {}
  ~OpenFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  OpenFile(OpenFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  OpenFile& operator=(OpenFile&&) = delete;
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

class FileBody final : public BodySource {
 public:
  FileBody(OpenFile file, ByteRange range)
      : file_(std::move(file)), range_(range), at_(range.begin) {}

  std::optional<std::uint64_t> length() const override { return range_.end - range_.begin; }
  void begin(std::function<void()>) override { piece_.resize(kPiece); }
  Next next() override {
    if (at_ == range_.end) return {Step::kEnd, {}};
    const std::size_t wanted = std::min<std::uint64_t>(kPiece, range_.end - at_);
    ssize_t count = -1;
    do {
      count = pread(file_.get(), piece_.data(), wanted, static_cast<off_t>(at_));
    } while (count < 0 && errno == EINTR);
    if (count <= 0) return {Step::kFail, {}};  // it has become shorter, or the disk failed
    at_ += static_cast<std::uint64_t>(count);
    return {Step::kPiece, {piece_.data(), static_cast<std::size_t>(count)}};
  }

 private:
  static constexpr std::size_t kPiece = std::size_t{64} << 10;
  const OpenFile file_;
  const ByteRange range_;
  std::uint64_t at_;
  std::vector<char> piece_;
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure == std::errc::result_out_of_range) return UINT64_MAX;  // all digits, beyond any file
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Whether a list of entity tags, or *, names this one. Weak ones compare by their text (RFC 9110
// 13.1.2).
bool names_tag(std::string_view list, std::string_view tag) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    std::string_view one = without_blanks(list.substr(0, end));
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == tag || one == "*") return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

}  // namespace

std::optional<std::variant<ByteRange, NoSuchRange>> read_range(std::string_view field,
                                                               std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (lower_case(field.substr(0, kUnit.size())) != kUnit) return std::nullopt;
  const std::string_view spec = without_blanks(field.substr(kUnit.size()));
  const std::size_t dash = spec.find('-');
  if (dash == std::string_view::npos || spec.find(',') != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view first = spec.substr(0, dash);
  const std::string_view last = spec.substr(dash + 1);
  if (first.empty()) {
    const auto count = number(last);
    if (!count) return std::nullopt;
    if (*count == 0 || size == 0) return NoSuchRange{};
    return ByteRange{size - std::min(*count, size), size};
  }
  const auto begin = number(first);
  if (!begin) return std::nullopt;
  std::uint64_t end = size;
  if (!last.empty()) {
    const auto given = number(last);
    if (!given || *given < *begin) return std::nullopt;
    if (*given < size) end = *given + 1;
  }
  if (*begin >= size) return NoSuchRange{};
  return ByteRange{*begin, end};
}

HttpResponse file_response(const HttpRequest& request, const std::string& path,
                           std::string content_type) {
  OpenFile file(path);
  struct stat facts{};
  if (file.get() < 0 || fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
    return http_error(404, "the file is not there any more");
  }
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  const std::string tag = fmt::format("\"{:x}-{:x}-{:x}{:09x}\"", facts.st_ino, size,
                                      facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec);
  HttpResponse response;
  response.content_type = std::move(content_type);
  response.headers.emplace_back("ETag", tag);
  response.headers.emplace_back("Accept-Ranges", "bytes");
  if (names_tag(request.header("if-none-match"), tag)) {
    response.status = 304;
    return response;
  }
  ByteRange range{0, size};
  const std::string_view on_condition = request.header("if-range");
  if (request.method == "GET" && (on_condition.empty() || on_condition == tag)) {
    if (const auto asked = read_range(request.header("range"), size)) {
      if (std::holds_alternative<NoSuchRange>(*asked)) {
        response = http_error(416, fmt::format("the file has {} bytes", size));
        response.headers.emplace_back("Content-Range", fmt::format("bytes */{}", size));
        return response;
      }
      range = std::get<ByteRange>(*asked);
      response.status = 206;
      response.headers.emplace_back(
          "Content-Range", fmt::format("bytes {}-{}/{}", range.begin, range.end - 1, size));
    }
  }
  response.stream = std::make_shared<FileBody>(std::move(file), range);
  return response;
}

}  // namespace shoal
