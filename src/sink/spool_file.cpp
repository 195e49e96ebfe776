// A cursor that cannot leave its bytes, and the alarm's fields in the order of its declaration.
#include "sink/spool_file.h"

#include <fmt/format.h>
#include <zlib.h>

#include <bit>
#include <cstddef>
#include <optional>

#include "core/check.h"

namespace shoal {
namespace {

constexpr std::string_view kMagic = "SHOALSP1";
constexpr std::size_t kRecordHead = 8;

template <typename T>
void put(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i)));
  }
}

void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

void put_float(std::string& out, float value) { put(out, std::bit_cast<std::uint32_t>(value)); }

// Reads past the end give zeros and are remembered.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
  T take() {
    const std::string_view bytes = take_bytes(sizeof(T));
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    }
    return static_cast<T>(value);
  }
  std::string take_text() { return std::string(take_bytes(take<std::uint32_t>())); }
  float take_float() { return std::bit_cast<float>(take<std::uint32_t>()); }

  std::string_view take_bytes(std::size_t count) {
    if (count > rest_.size()) {
      good_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }
  // A count of things that take at least `least` bytes each; 0 where they cannot all be there.
  std::size_t take_count(std::size_t least) {
    const auto count = take<std::uint32_t>();
    if (count <= rest_.size() / least) return count;
    good_ = false;
    return 0;
  }

  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

std::uint32_t checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

void put_record(std::string& out, std::string_view payload) {
  put(out, static_cast<std::uint32_t>(payload.size()));
  put(out, checksum(payload));
  out += payload;
}

// The next record's payload; empty where it is torn, damaged or not there. No payload is empty.
std::string_view take_record(Cursor& cursor) {
  const auto length = cursor.take<std::uint32_t>();
  const auto sum = cursor.take<std::uint32_t>();
  const std::string_view payload = cursor.take_bytes(length);
  return cursor.good() && checksum(payload) == sum ? payload : std::string_view();
}

void put_objects(std::string& out, const std::vector<Alarm::Object>& objects) {
  put(out, static_cast<std::uint32_t>(objects.size()));
  for (const Alarm::Object& object : objects) {
    put(out, static_cast<std::uint32_t>(object.track));
    put_text(out, object.name);
    put_float(out, object.confidence);
    put_float(out, object.box.x1);
    put_float(out, object.box.y1);
    put_float(out, object.box.x2);
    put_float(out, object.box.y2);
  }
}

void take_objects(Cursor& cursor, std::vector<Alarm::Object>& objects) {
  const std::size_t count = cursor.take_count(28);
  for (std::size_t i = 0; i < count && cursor.good(); ++i) {
    Alarm::Object& object = objects.emplace_back();
    object.track = TrackId{cursor.take<std::uint32_t>()};
    object.name = cursor.take_text();
    object.confidence = cursor.take_float();
    object.box.x1 = cursor.take_float();
    object.box.y1 = cursor.take_float();
    object.box.x2 = cursor.take_float();
    object.box.y2 = cursor.take_float();
  }
}

std::string alarm_payload(const Alarm& alarm, std::span<const std::string> destinations) {
  std::string out;
  out.reserve(512 + alarm.thumbnail.size());
  put(out, static_cast<std::uint32_t>(destinations.size()));
  for (const std::string& destination : destinations) put_text(out, destination);
  put_text(out, alarm.id);
  put_text(out, alarm.rule);
  put_text(out, alarm.camera);
  put(out, static_cast<std::int64_t>(alarm.at.time_since_epoch().count()));
  put(out, alarm.frame);
  put_text(out, alarm.message);
  put_text(out, alarm.zone);
  put_objects(out, alarm.objects);
  put(out, static_cast<std::int32_t>(alarm.size.width));
  put(out, static_cast<std::int32_t>(alarm.size.height));
  put_text(out, alarm.clip);
  put_text(out, {reinterpret_cast<const char*>(alarm.thumbnail.data()), alarm.thumbnail.size()});
  return out;
}

bool take_alarm(std::string_view payload, SpoolFile& file) {
  Cursor cursor(payload);
  const std::size_t destinations = cursor.take_count(4);
  if (destinations > kSpoolDestinationsMax) return false;
  for (std::size_t i = 0; i < destinations; ++i) file.destinations.push_back(cursor.take_text());
  Alarm& alarm = file.alarm;
  alarm.id = cursor.take_text();
  alarm.rule = cursor.take_text();
  alarm.camera = cursor.take_text();
  alarm.at = WallTime(std::chrono::nanoseconds(cursor.take<std::int64_t>()));
  alarm.frame = cursor.take<std::uint64_t>();
  alarm.message = cursor.take_text();
  alarm.zone = cursor.take_text();
  take_objects(cursor, alarm.objects);
  alarm.size.width = cursor.take<std::int32_t>();
  alarm.size.height = cursor.take<std::int32_t>();
  alarm.clip = cursor.take_text();
  const std::string_view picture = cursor.take_bytes(cursor.take<std::uint32_t>());
  alarm.thumbnail.assign(picture.begin(), picture.end());
  return cursor.good() && cursor.left() == 0;
}

}  // namespace

std::string encode_spool_file(const Alarm& alarm, std::span<const std::string> destinations) {
  SHOAL_CHECK(destinations.size() <= kSpoolDestinationsMax, "at most 64 destinations");
  std::string out(kMagic);
  put_record(out, alarm_payload(alarm, destinations));
  return out;
}

std::string encode_spool_mark(std::size_t destination) {
  SHOAL_CHECK(destination < kSpoolDestinationsMax, "at most 64 destinations");
  std::string out;
  const char index = static_cast<char>(destination);
  put_record(out, {&index, 1});
  return out;
}

Result<SpoolFile> decode_spool_file(std::string_view bytes) {
  const Error damaged{ErrorCode::kCorruptInput,
                      fmt::format("spool file of {} bytes: the alarm is torn or damaged; expected "
                                  "a header, and a record with its checksum", bytes.size())};
  Cursor cursor(bytes);
  if (cursor.take_bytes(kMagic.size()) != kMagic) return damaged;
  SpoolFile file;
  if (!take_alarm(take_record(cursor), file)) return damaged;
  file.bytes_valid = bytes.size() - cursor.left();
  while (cursor.left() > 0) {
    const std::string_view mark = take_record(cursor);
    if (mark.size() != 1) break;
    const auto index = static_cast<unsigned char>(mark.front());
    if (index >= file.destinations.size()) break;
    file.arrived |= std::uint64_t{1} << index;
    file.bytes_valid += kRecordHead + 1;
  }
  return file;
}

}  // namespace shoal
