#include "telemetry/request_log.h"

#include <string_view>
#include <utility>

namespace shoal {
namespace {

constexpr std::size_t kFlushBytes = 64 << 10;
constexpr std::size_t kLineBytes = 2 << 10;  // a long line

}  // namespace

RequestLog::RequestLog(LogFileOptions options)
    : enabled_(!options.path.empty()), file_(std::move(options)) {
  if (enabled_) lines_.reserve(kFlushBytes + kLineBytes);
}

void RequestLog::add(const LoggedRequest& request, const LineContext& context, TimePoint now) {
  if (!enabled_) return;
  append_request_line(lines_, request, context);
  ++pending_;
  if (lines_.size() >= kFlushBytes) flush(now);
}

void RequestLog::flush(TimePoint now) {
  if (pending_ == 0) return;
  const bool done = file_.append({lines_.data(), lines_.size()}, now);
  (done ? written_ : lost_).fetch_add(pending_, std::memory_order_relaxed);
  rotations_.store(static_cast<std::uint64_t>(file_.rotations()), std::memory_order_relaxed);
  lines_.clear();
  pending_ = 0;
}

void RequestLog::reopen(TimePoint now) {
  flush(now);
  file_.reopen();
}

}  // namespace shoal
