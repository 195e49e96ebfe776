// One SQLite file of Shoal: opened, brought to the present schema, its errors as data. What is
// written into it is sqlite_sink's; the schema is described in docs/storage.md.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "shoal/result.h"

namespace shoal {

// One prepared statement. Parameters are bound from left to right.
class SqliteStatement {
 public:
  SqliteStatement() = default;
  explicit SqliteStatement(sqlite3_stmt* statement) : statement_(statement) {}

  SqliteStatement& bind(std::int64_t value);
  SqliteStatement& bind(double value);
  SqliteStatement& bind(std::string_view value);  // which must live until step()
  SqliteStatement& bind_null();
  // SQLITE_ROW, SQLITE_DONE or an error. After anything but a row it is ready to be bound again.
  [[nodiscard]] int step();
  [[nodiscard]] std::int64_t number(int column) const;
  void reset();
  [[nodiscard]] explicit operator bool() const { return statement_ != nullptr; }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bound_ = 0;
};

// Threads  one at a time.
class SqliteDatabase {
 public:
  static constexpr int kSchemaVersion = 1;

  // Opens or makes the file (missing folders too) in WAL mode. An older schema is brought forward.
  //
  // Errors   kUnavailable: locked by another process longer than `busy_timeout`, disk full, not
  //          writable; kCorruptInput: not a database, or damaged; kInvalidArgument: another
  //          program's database, or one of a newer Shoal.
  [[nodiscard]] static Result<std::unique_ptr<SqliteDatabase>> open(
      const std::string& path, std::chrono::milliseconds busy_timeout);

  [[nodiscard]] Result<void> execute(const char* statements);
  [[nodiscard]] Result<SqliteStatement> prepare(std::string_view statement);
  // The first column of the first row; 0 where there is none.
  [[nodiscard]] Result<std::int64_t> number(const char* query);
  // The error that the last call of SQLite left, with its code by what can be done about it.
  [[nodiscard]] Error failure(std::string_view doing) const;
  [[nodiscard]] std::int64_t changes() const { return sqlite3_changes64(handle_.get()); }

 private:
  explicit SqliteDatabase(std::string path) : path_(std::move(path)) {}
  Result<void> check_owner();
  Result<void> migrate();

  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::string path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

// Renames a damaged database, with its journal, to FILE.corrupt-20261121T080000Z.
// Returns  the new name. Errors  kUnavailable.
[[nodiscard]] Result<std::string> move_corrupt_database(const std::string& path);

}  // namespace shoal
