// The adapter of SQLite. Schemas are a list: the i-th script leads from version i to i + 1.
#include "sink/sqlite_database.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <utility>

#include "core/log.h"
#include "sink/output_file.h"

namespace shoal {
namespace {

constexpr std::int64_t kApplicationId = 0x53484F4C;  // "SHOL"

// Never changed once released: what comes later is a further script. Times are milliseconds UTC.
constexpr std::array kMigrations = {R"sql(
CREATE TABLE runs(
  id INTEGER PRIMARY KEY, started INTEGER NOT NULL);
CREATE TABLE cameras(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE tracks(
  run INTEGER NOT NULL, track INTEGER NOT NULL, camera INTEGER NOT NULL,
  class TEXT NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
  ended INTEGER NOT NULL, top_confidence REAL NOT NULL,
  x1 REAL NOT NULL, y1 REAL NOT NULL, x2 REAL NOT NULL, y2 REAL NOT NULL,
  zones TEXT NOT NULL, stationary INTEGER NOT NULL,
  PRIMARY KEY(run, track));
CREATE INDEX tracks_by_time ON tracks(last_seen);
CREATE INDEX tracks_by_camera ON tracks(camera, first_seen);
CREATE TABLE zone_events(
  id INTEGER PRIMARY KEY, time INTEGER NOT NULL, camera INTEGER NOT NULL,
  change TEXT NOT NULL, zone TEXT NOT NULL, run INTEGER NOT NULL, track INTEGER NOT NULL,
  class TEXT NOT NULL, inside_ms INTEGER NOT NULL);
CREATE INDEX zone_events_by_time ON zone_events(time);
CREATE TABLE crossings(
  id INTEGER PRIMARY KEY, time INTEGER NOT NULL, camera INTEGER NOT NULL,
  line TEXT NOT NULL, direction TEXT NOT NULL, run INTEGER NOT NULL, track INTEGER NOT NULL,
  class TEXT NOT NULL);
CREATE INDEX crossings_by_time ON crossings(time);
CREATE TABLE alarms(
  id TEXT PRIMARY KEY, time INTEGER NOT NULL, camera INTEGER NOT NULL, rule TEXT NOT NULL,
  message TEXT NOT NULL, zone TEXT, frame INTEGER NOT NULL, clip TEXT,
  objects TEXT NOT NULL);
CREATE INDEX alarms_by_time ON alarms(time);
CREATE TABLE minutes(
  camera INTEGER NOT NULL, time INTEGER NOT NULL, frames INTEGER NOT NULL,
  inferred INTEGER NOT NULL, failed INTEGER NOT NULL, detections INTEGER NOT NULL,
  tracks_max INTEGER NOT NULL, zones_max TEXT NOT NULL,
  PRIMARY KEY(camera, time));
CREATE INDEX minutes_by_time ON minutes(time);
)sql"};
static_assert(kMigrations.size() == SqliteDatabase::kSchemaVersion);

ErrorCode code_of(int status) {
  switch (status & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ErrorCode::kCorruptInput;
    case SQLITE_NOMEM: return ErrorCode::kOutOfMemory;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH: return ErrorCode::kUnavailable;
    default: return ErrorCode::kInternal;
  }
}

}  // namespace

SqliteStatement& SqliteStatement::bind(std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), ++bound_, value);
  return *this;
}

SqliteStatement& SqliteStatement::bind(double value) {
  sqlite3_bind_double(statement_.get(), ++bound_, value);
  return *this;
}

SqliteStatement& SqliteStatement::bind(std::string_view value) {
  sqlite3_bind_text64(statement_.get(), ++bound_, value.data(), value.size(), SQLITE_STATIC,
                      SQLITE_UTF8);
  return *this;
}

SqliteStatement& SqliteStatement::bind_null() {
  sqlite3_bind_null(statement_.get(), ++bound_);
  return *this;
}

int SqliteStatement::step() {
  const int status = sqlite3_step(statement_.get());
  if (status == SQLITE_ROW) return status;
  // The reset repeats the error, which the connection remembers.
  reset();
  return status;
}

std::int64_t SqliteStatement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

void SqliteStatement::reset() {
  sqlite3_reset(statement_.get());
  bound_ = 0;
}

Error SqliteDatabase::failure(std::string_view doing) const {
  const int status = handle_ ? sqlite3_extended_errcode(handle_.get()) : SQLITE_NOMEM;
  const ErrorCode code = code_of(status);
  std::string why = handle_ ? sqlite3_errmsg(handle_.get()) : "out of memory";
  if ((status & 0xFF) == SQLITE_BUSY) why += " by another process";
  return {code, fmt::format("{}: {}: {}", path_, doing, why)};
}

Result<void> SqliteDatabase::execute(const char* statements) {
  if (sqlite3_exec(handle_.get(), statements, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return failure("cannot be written");
}

Result<SqliteStatement> SqliteDatabase::prepare(std::string_view statement) {
  sqlite3_stmt* raw = nullptr;
  const int status = sqlite3_prepare_v3(handle_.get(), statement.data(),
                                        static_cast<int>(statement.size()),
                                        SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  SqliteStatement prepared(raw);
  if (status != SQLITE_OK) return failure("a statement is refused");
  return prepared;
}

Result<std::int64_t> SqliteDatabase::number(const char* query) {
  SqliteStatement statement = SHOAL_TRY(prepare(query));
  const int status = statement.step();
  if (status == SQLITE_DONE) return std::int64_t{0};
  if (status != SQLITE_ROW) return failure("cannot be read");
  const std::int64_t value = statement.number(0);
  statement.reset();
  return value;
}

// A file with tables is ours by its application id; an empty one may become ours.
Result<void> SqliteDatabase::check_owner() {
  const std::int64_t tables = SHOAL_TRY(number("SELECT count(*) FROM sqlite_schema"));
  const std::int64_t owner = SHOAL_TRY(number("PRAGMA application_id"));
  if (owner != kApplicationId && (tables > 0 || owner != 0)) {
    return Error{ErrorCode::kInvalidArgument,
                 path_ + ": is another program's database; expected one of Shoal, or a new name"};
  }
  const std::int64_t version = SHOAL_TRY(number("PRAGMA user_version"));
  if (version > kSchemaVersion || version < 0) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{}: its schema has version {}; expected at most {}: it is of a newer "
                             "Shoal", path_, version, kSchemaVersion)};
  }
  return {};
}

Result<void> SqliteDatabase::migrate() {
  std::int64_t version = SHOAL_TRY(number("PRAGMA user_version"));
  for (; version < kSchemaVersion; ++version) {
    // Takes hold only while the file has no tables.
    if (version == 0) SHOAL_TRY(execute("PRAGMA auto_vacuum = INCREMENTAL"));
    SHOAL_TRY(execute("BEGIN IMMEDIATE"));
    const std::string numbers = fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}",
                                            kApplicationId, version + 1);
    auto done = execute(kMigrations[static_cast<std::size_t>(version)]);
    if (done) done = execute(numbers.c_str());
    if (done) done = execute("COMMIT");
    if (!done) {
      sqlite3_exec(handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
      return done;
    }
  }
  return {};
}

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::open(
    const std::string& path, std::chrono::milliseconds busy_timeout) {
  const auto parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) SHOAL_TRY(make_folder(parent.string()));
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(path));
  sqlite3* raw = nullptr;
  const int status = sqlite3_open_v2(
      path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
      nullptr);
  database->handle_.reset(raw);
  if (status != SQLITE_OK) return database->failure("cannot be opened");
  sqlite3_busy_timeout(raw, static_cast<int>(busy_timeout.count()));
  SHOAL_TRY(database->check_owner());
  SHOAL_TRY(database->migrate());
  SHOAL_TRY(database->execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                              "PRAGMA journal_size_limit = 16777216"));
  return database;
}

Result<std::string> move_corrupt_database(const std::string& path) {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  const std::string base = fmt::format("{}.corrupt-{:%Y%m%dT%H%M%SZ}", path, fmt::gmtime(now));
  std::string aside = base;
  std::error_code ignored;
  for (int i = 2; std::filesystem::exists(aside, ignored); ++i) {
    aside = fmt::format("{}-{}", base, i);
  }
  if (std::rename(path.c_str(), aside.c_str()) != 0) return write_error(path, 0, errno);
  for (const char* suffix : {"-wal", "-shm"}) {
    (void)std::rename((path + suffix).c_str(), (aside + suffix).c_str());
  }
  return aside;
}

}  // namespace shoal
