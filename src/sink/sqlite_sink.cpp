// When rows are written, and what happens when they cannot be; retention.
#include "sink/sqlite_sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/log.h"
#include "sink/retention_clock.h"
#include "sink/sqlite_database.h"
#include "sink/sqlite_rows.h"

namespace shoal {
namespace {

constexpr std::size_t kRowsATransaction = 500;
constexpr Duration kFlushEvery = std::chrono::seconds(1);
constexpr Duration kRetryEvery = std::chrono::seconds(1);
constexpr Duration kRetainEvery = std::chrono::seconds(30);
constexpr int kRowsAStep = 2'000;    // deleted in one transaction
constexpr int kStepsATick = 5;
constexpr std::int64_t kPagesAStep = 2'000;

struct Aged {
  std::string_view table;
  std::string_view time;
};
constexpr std::array<Aged, 5> kAged = {{{"tracks", "last_seen"},
                                        {"zone_events", "time"},
                                        {"crossings", "time"},
                                        {"alarms", "time"},
                                        {"minutes", "time"}}};

class SqliteSink final : public CameraSink {
 public:
  explicit SqliteSink(const SqliteOptions& options)
      : options_(options), clock_(options.keep) {}

  // Tells errors that will not go away by waiting.
  Result<void> start() {
    const auto opened = open(Clock::now());
    if (opened || opened.error().code == ErrorCode::kUnavailable) return {};
    return opened.error();
  }

  std::string name() const override { return options_.path; }

  Result<void> write(const CameraResult& result) override {
    const TimePoint now = Clock::now();
    if (rows_.count() >= options_.rows_waiting_max) {
      auto flushed = flush(now);
      if (!flushed) {
        ++lost_;
        return flushed;
      }
    }
    if (rows_.count() == 0) oldest_ = now;
    rows_.add(result);
    const bool due = rows_.count() >= kRowsATransaction || now - oldest_ >= kFlushEvery;
    // What cannot be written now waits, and is not lost yet.
    if (due) (void)flush(now);
    return {};
  }

  Result<void> write(const Alarm& alarm) override {
    rows_.add(alarm);
    auto flushed = flush(Clock::now());
    // The caller keeps it and comes again.
    if (!flushed && rows_.count() > 0) rows_.drop_last();
    return flushed;
  }

  void tick(TimePoint now) override {
    if (rows_.count() > 0) (void)flush(now);
    if (!database_ || (now < retain_at_ && !retaining_)) return;
    retain_at_ = now + kRetainEvery;
    const auto more = retain();
    retaining_ = more && *more;
    if (!more) handle(more.error(), now);
  }

  Result<void> finish() override {
    rows_.close_minutes();
    retry_at_.reset();
    auto flushed = flush(Clock::now());
    if (!flushed) lost_ += rows_.count();
    if (database_) (void)database_->execute("PRAGMA wal_checkpoint(TRUNCATE)");
    close();
    return flushed;
  }

  std::string trouble() const override { return failing_ ? last_error_.message : std::string(); }

  std::string written() const override {
    std::string text = fmt::format("{} {}", written_, written_ == 1 ? "row" : "rows");
    if (lost_ > 0) text += fmt::format(", {} lost", lost_);
    return text;
  }

 private:
  void close() {
    rows_.detach();
    database_.reset();
  }

  Result<void> open(TimePoint now) {
    auto opened = SqliteDatabase::open(options_.path, options_.busy_timeout);
    if (!opened && opened.error().code == ErrorCode::kCorruptInput) {
      SHOAL_TRY(move_aside(opened.error()));
      opened = SqliteDatabase::open(options_.path, options_.busy_timeout);
    }
    if (!opened) return delayed(std::move(opened).error(), now);
    database_ = std::move(*opened);
    begin_clock();
    auto begun = begin_run();
    if (!begun) {
      close();
      return delayed(std::move(begun).error(), now);
    }
    return {};
  }

  // Before anything is written: what is there tells whether the clock can be believed. What cannot
  // be read is found damaged when it is needed.
  void begin_clock() {
    if (std::exchange(clock_runs_, true)) return;
    const WallTime now = std::chrono::system_clock::now();
    std::int64_t newest = 0;
    for (const Aged& aged : kAged) {
      const std::string query = fmt::format("SELECT {1} FROM {0} WHERE {1} <= {2} "
                                            "ORDER BY {1} DESC LIMIT 1",
                                            aged.table, aged.time, unix_milliseconds(now));
      const auto found = database_->number(query.c_str());
      if (found) newest = std::max(newest, *found);
    }
    const WallTime at{std::chrono::milliseconds(newest)};
    clock_.begin(now, Clock::now(), newest > 0 ? std::optional(at) : std::nullopt);
  }

  Result<void> begin_run() {
    SqliteStatement insert =
        SHOAL_TRY(database_->prepare("INSERT INTO runs(started) VALUES(?1)"));
    const auto now = unix_milliseconds(std::chrono::system_clock::now());
    if (insert.bind(now).step() != SQLITE_DONE) return database_->failure("cannot be written");
    const std::int64_t run = SHOAL_TRY(database_->number("SELECT last_insert_rowid()"));
    return rows_.attach(*database_, run);
  }

  Result<void> move_aside(const Error& why) {
    close();
    const std::string aside = SHOAL_TRY(move_corrupt_database(options_.path));
    log(LogLevel::kError, "sqlite", "{}; moved to {}, another database is begun", why.message,
        aside);
    return {};
  }

  // The next attempt is a second away: nobody waits for the lock all the time.
  Error delayed(Error error, TimePoint now) {
    retry_at_ = now + kRetryEvery;
    if (error.code != ErrorCode::kInvalidArgument && !std::exchange(failing_, true)) {
      log(LogLevel::kWarn, "sqlite", "{} (tried again every second; said once)", error.message);
    }
    last_error_ = error;
    return error;
  }

  void handle(const Error& error, TimePoint now) {
    if (error.code == ErrorCode::kCorruptInput && move_aside(error)) (void)open(now);
    if (error.code != ErrorCode::kCorruptInput) (void)delayed(error, now);
  }

  Result<void> flush(TimePoint now) {
    if (rows_.count() == 0) return {};
    if (retry_at_ && now < *retry_at_) return last_error_;
    retry_at_.reset();
    if (!database_) SHOAL_TRY(open(now));
    const std::size_t count = rows_.count();
    auto done = rows_.write_to(*database_);
    if (!done && done.error().code == ErrorCode::kCorruptInput) {
      SHOAL_TRY(move_aside(done.error()));
      SHOAL_TRY(open(now));
      done = rows_.write_to(*database_);
    }
    if (!done) return delayed(std::move(done).error(), now);
    written_ += count;
    oldest_ = now;
    if (std::exchange(failing_, false)) {
      log(LogLevel::kWarn, "sqlite", "{}: written again", options_.path);
    }
    return {};
  }

  // Deletes what is before `cut`, a step of it. True: there may be more.
  Result<bool> delete_before(std::int64_t cut) {
    bool more = false;
    for (const Aged& aged : kAged) {
      SqliteStatement statement = SHOAL_TRY(database_->prepare(
          fmt::format("DELETE FROM {0} WHERE rowid IN"
                      " (SELECT rowid FROM {0} WHERE {1} < ?1 ORDER BY {1} LIMIT {2})",
                      aged.table, aged.time, kRowsAStep)));
      if (statement.bind(cut).step() != SQLITE_DONE) {
        return database_->failure("old rows cannot be deleted");
      }
      more = more || database_->changes() >= kRowsAStep;
    }
    return more;
  }

  // The time before which the oldest twentieth of the file's time span lies.
  Result<std::optional<std::int64_t>> oldest_part() {
    std::optional<std::int64_t> oldest;
    std::int64_t newest = 0;
    for (const Aged& aged : kAged) {
      const std::string first = fmt::format("SELECT {1} FROM {0} ORDER BY {1} LIMIT 1", aged.table,
                                            aged.time);
      const std::string last = fmt::format("SELECT {1} FROM {0} ORDER BY {1} DESC LIMIT 1",
                                           aged.table, aged.time);
      SqliteStatement statement = SHOAL_TRY(database_->prepare(first));
      if (statement.step() != SQLITE_ROW) continue;
      oldest = std::min(oldest.value_or(statement.number(0)), statement.number(0));
      newest = std::max(newest, SHOAL_TRY(database_->number(last.c_str())));
    }
    if (!oldest) return std::optional<std::int64_t>();
    return std::optional(*oldest + std::max<std::int64_t>(1, (newest - *oldest) / 20));
  }

  // One turn of retention. True: there is more to do.
  Result<bool> retain() {
    bool more = false;
    if (options_.keep.count() > 0) {
      const WallTime now = clock_.now(std::chrono::system_clock::now(), Clock::now());
      const WallTime cut = now - options_.keep;
      more = SHOAL_TRY(delete_before(unix_milliseconds(cut)));
    }
    const std::int64_t page = SHOAL_TRY(database_->number("PRAGMA page_size"));
    for (int step = 0; step < kStepsATick; ++step) {
      const std::int64_t pages = SHOAL_TRY(database_->number("PRAGMA page_count"));
      const std::int64_t free = SHOAL_TRY(database_->number("PRAGMA freelist_count"));
      if (free > 0) {
        SHOAL_TRY(database_->execute(
            fmt::format("PRAGMA incremental_vacuum({})", kPagesAStep).c_str()));
      }
      if ((pages - free) * page <= options_.bytes_max) return more || free > kPagesAStep;
      const auto cut = SHOAL_TRY(oldest_part());
      if (!cut) return false;
      (void)SHOAL_TRY(delete_before(*cut));
    }
    return true;
  }

  const SqliteOptions options_;
  std::unique_ptr<SqliteDatabase> database_;
  SqliteRows rows_;  // its statements go before the database: see close()
  TimePoint oldest_;
  std::optional<TimePoint> retry_at_;
  Error last_error_;
  TimePoint retain_at_;
  RetentionClock clock_;
  bool clock_runs_ = false;
  bool retaining_ = false;
  bool failing_ = false;
  std::uint64_t written_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace

Result<std::unique_ptr<CameraSink>> create_sqlite_sink(const SqliteOptions& options) {
  if (options.path.empty()) {
    return Error{ErrorCode::kInvalidArgument, "sqlite: the file's name is empty"};
  }
  std::error_code ignored;
  if (options.path.back() == '/' || std::filesystem::is_directory(options.path, ignored)) {
    return Error{ErrorCode::kInvalidArgument,
                 options.path + ": is a folder; expected the name of a file"};
  }
  auto sink = std::make_unique<SqliteSink>(options);
  SHOAL_TRY(sink->start());
  return std::unique_ptr<CameraSink>(std::move(sink));
}

}  // namespace shoal
