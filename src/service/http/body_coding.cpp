#include "service/http/body_coding.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "core/check.h"
#include "core/letters.h"

namespace shoal {
namespace {

constexpr std::size_t kFramingMax = 8192;  // bytes of extensions and trailers in one body
constexpr int kSizeDigitsMax = 15;
// Answers are compressed while somebody waits: the fastest level gives most of the gain.
constexpr int kLevel = 1;

Error bad_chunk(std::string message) {
  return {ErrorCode::kCorruptInput, "chunked body: " + std::move(message)};
}

// Fields that say where a message ends or who gets it come too late in a trailer (RFC 9110 6.5.1);
// somebody else who reads this connection might heed them.
bool may_trail(std::string_view line) {
  const std::string name = lower_case(line.substr(0, line.find(':')));
  constexpr std::string_view kNever[] = {"content-length", "transfer-encoding", "host",
                                         "connection",     "proxy-connection",  "content-encoding"};
  return std::ranges::find(kNever, name) == std::end(kNever);
}

bool is_control(char letter) {
  const auto byte = static_cast<unsigned char>(letter);
  return (byte < 0x20 && letter != '\t') || byte == 0x7f;
}

int window_bits(ContentCoding coding) { return coding == ContentCoding::kGzip ? 15 + 16 : 15; }

}  // namespace

Result<void> ChunkDecoder::frame(char letter) {
  switch (at_) {
    case At::kSize: {
      const int digit = hex_digit(letter);
      if (digit >= 0) {
        if (++digits_ > kSizeDigitsMax) return bad_chunk("a size of too many digits");
        size_ = size_ * 16 + static_cast<std::uint64_t>(digit);
        return {};
      }
      if (digits_ == 0 || (letter != '\r' && letter != ';')) {
        return bad_chunk("a chunk begins with its size in hex digits and CR LF");
      }
      at_ = letter == ';' ? At::kExtension : At::kSizeFeed;
      return {};
    }
    case At::kExtension:
      if (letter == '\r') {
        at_ = At::kSizeFeed;
      } else if (is_control(letter) || letter == '"' || ++framing_ > kFramingMax) {
        // A quote may stay open over the end of the line, for a reader who minds quotes.
        return bad_chunk("an extension that is too long, is quoted or has control characters");
      }
      return {};
    case At::kSizeFeed:
      if (letter != '\n') return bad_chunk("CR without LF after a size");
      at_ = size_ == 0 ? At::kTrailer : At::kData;
      return {};
    case At::kDataReturn:
      if (letter != '\r') return bad_chunk("data goes on after the size of its chunk");
      at_ = At::kDataFeed;
      return {};
    case At::kDataFeed:
      if (letter != '\n') return bad_chunk("CR without LF after data");
      at_ = At::kSize;
      digits_ = 0;
      return {};
    case At::kTrailer:
      if (letter == '\r') {
        at_ = At::kTrailerFeed;
      } else if (++framing_ > kFramingMax) {
        return bad_chunk("trailers that are too long");
      } else {
        trailer_.push_back(letter);
      }
      return {};
    case At::kTrailerFeed:
      if (letter != '\n') return bad_chunk("CR without LF in the trailers");
      if (!trailer_.empty() && (!is_field_line(trailer_) || !may_trail(trailer_))) {
        return bad_chunk("a trailer that is no field, or one that may not come so late");
      }
      at_ = trailer_.empty() ? At::kDone : At::kTrailer;
      trailer_.clear();
      return {};
    case At::kData:
    case At::kDone: break;
  }
  return {};
}

Result<std::size_t> ChunkDecoder::take_framing(std::string_view input) {
  std::size_t taken = 0;
  while (taken < input.size() && at_ != At::kData && at_ != At::kDone) {
    SHOAL_TRY(frame(input[taken++]));
  }
  return taken;
}

void ChunkDecoder::took(std::uint64_t count) {
  SHOAL_CHECK(count <= data_left(), "more data taken than the chunk has");
  if (count == 0) return;
  size_ -= count;
  if (size_ == 0) at_ = At::kDataReturn;
}

Inflater::Inflater(ContentCoding coding)
    : gzip_(coding == ContentCoding::kGzip),
      usable_(inflateInit2(&stream_, window_bits(coding)) == Z_OK) {}

Inflater::~Inflater() {
  if (usable_) inflateEnd(&stream_);
}

Result<Inflater::Taken> Inflater::take(std::string_view input, char* out, std::size_t room) {
  const char* name = gzip_ ? "gzip" : "deflate";
  if (!usable_) return Error{ErrorCode::kOutOfMemory, "no memory to inflate a body"};
  constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
  const std::size_t in_count = std::min(input.size(), kMost);
  const std::size_t out_count = std::min(room, kMost);
  if (done_) {
    if (input.empty()) return Taken{};
    if (!gzip_) return Error{ErrorCode::kCorruptInput, "deflate body: bytes after its end"};
    inflateReset(&stream_);  // gzip members may follow one another (RFC 1952 2.2)
    done_ = false;
  }
  // zlib's interface is not const; it does not write to its input.
  stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
  stream_.avail_in = static_cast<uInt>(in_count);
  stream_.next_out = reinterpret_cast<Bytef*>(out);
  stream_.avail_out = static_cast<uInt>(out_count);
  const int status = inflate(&stream_, Z_NO_FLUSH);
  if (status == Z_MEM_ERROR) return Error{ErrorCode::kOutOfMemory, "no memory to inflate a body"};
  if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
    return Error{ErrorCode::kCorruptInput,
                 fmt::format("body is no {}: {}", name,
                             stream_.msg != nullptr ? stream_.msg : "damaged")};
  }
  done_ = status == Z_STREAM_END;
  return Taken{.consumed = in_count - stream_.avail_in, .written = out_count - stream_.avail_out};
}

AcceptedCoding accepted_coding(std::string_view text) {
  double gzip = 0;
  double deflate = 0;
  double any = 0;
  bool gzip_named = false;
  bool deflate_named = false;
  int named = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    std::string item = lower_case(without_blanks(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
    double weight = 1;
    if (const std::size_t mark = item.find(';'); mark != std::string::npos) {
      const std::size_t value = item.find("q=", mark);
      if (value != std::string::npos) weight = std::strtod(item.c_str() + value + 2, nullptr);
      item = std::string(without_blanks(std::string_view(item).substr(0, mark)));
    }
    if (item.empty()) continue;
    if (item != "identity") ++named;
    if (item == "gzip" || item == "x-gzip") {
      gzip = weight;
      gzip_named = true;
    } else if (item == "deflate") {
      deflate = weight;
      deflate_named = true;
    } else if (item == "*") {
      any = weight;
    }
  }
  if (!gzip_named) gzip = any;
  if (!deflate_named) deflate = any;
  AcceptedCoding result{.coding = ContentCoding::kIdentity, .only = false};
  if (gzip > 0 && gzip >= deflate) result.coding = ContentCoding::kGzip;
  if (deflate > gzip) result.coding = ContentCoding::kDeflate;
  result.only = named == 1 && (gzip_named || deflate_named);
  return result;
}

bool is_text(std::string_view content_type) {
  const std::string type =
      lower_case(without_blanks(content_type.substr(0, content_type.find(';'))));
  return type.starts_with("text/") || type == "application/json" || type.ends_with("+json") ||
         type == "application/javascript" || type == "application/x-ndjson" ||
         type == "image/svg+xml" || type == "application/openmetrics-text";
}

std::optional<std::string> compress(std::string_view body, ContentCoding coding) {
  if (body.size() > std::numeric_limits<uInt>::max()) return std::nullopt;
  z_stream stream{};
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, window_bits(coding), 8, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    return std::nullopt;
  }
  // Room for what is worth sending and no more: deflate stops where it does not pay.
  std::string result(body.size() - body.size() / 10, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  const int status = deflate(&stream, Z_FINISH);
  result.resize(result.size() - stream.avail_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) return std::nullopt;
  return result;
}

}  // namespace shoal
