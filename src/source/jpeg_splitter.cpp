// ITU-T T.81, annex B.
#include "source/jpeg_splitter.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace shoal {
namespace {

constexpr std::uint8_t kMarker = 0xFF;
constexpr std::uint8_t kStartOfImage = 0xD8;
constexpr std::uint8_t kEndOfImage = 0xD9;
constexpr std::uint8_t kStartOfScan = 0xDA;

bool is_restart(std::uint8_t code) { return code >= 0xD0 && code <= 0xD7; }

// A start of frame, which tells the size; C4, C8 and CC are other things.
bool is_frame(std::uint8_t code) {
  return code >= 0xC0 && code <= 0xCF && code != 0xC4 && code != 0xC8 && code != 0xCC;
}

// May follow a scan within a picture: tables, another scan, comments. Other codes are damage.
bool is_segment(std::uint8_t code) { return code >= 0xC0 && code != 0xC8 && code != kMarker; }

}  // namespace

void JpegSplitter::push(std::span<const std::uint8_t> bytes) {
  found_.reset();
  if (begin_ > 0) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(begin_));
    at_ -= begin_;
    begin_ = 0;
  }
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

void JpegSplitter::restart() {
  buffer_.clear();
  begin_ = at_ = 0;
  state_ = State::kSearch;
  finished_ = false;
  found_.reset();
}

std::optional<JpegSplitter::Picture> JpegSplitter::next() {
  found_.reset();
  for (bool more = true; more && !found_;) {
    switch (state_) {
      case State::kSearch: more = search(); break;
      case State::kHeader: more = read_header(); break;
      case State::kScan: more = read_scan(); break;
    }
    if (!found_ && state_ != State::kSearch && at_ - begin_ > bytes_max_) {
      ++overlong_;
      scanned_ = false;
      give_up();
    }
  }
  if (!found_ && finished_ && state_ != State::kSearch) {
    at_ = buffer_.size();
    give_up();
  }
  return std::exchange(found_, std::nullopt);
}

bool JpegSplitter::search() {
  for (;;) {
    const void* marker = left() == 0 ? nullptr : std::memchr(&buffer_[at_], kMarker, left());
    if (marker == nullptr) {
      begin_ = at_ = buffer_.size();
      return false;
    }
    begin_ = at_ = static_cast<std::size_t>(static_cast<const std::uint8_t*>(marker) -
                                            buffer_.data());
    if (left() < 3) return false;
    if (buffer_[at_ + 1] == kStartOfImage && buffer_[at_ + 2] == kMarker) break;
    ++at_;
  }
  at_ += 2;
  size_ = {};
  scanned_ = false;
  state_ = State::kHeader;
  return true;
}

bool JpegSplitter::read_header() {
  while (left() >= 2 && buffer_[at_] == kMarker && buffer_[at_ + 1] == kMarker) ++at_;
  if (left() < 2) return false;
  const std::uint8_t code = buffer_[at_ + 1];
  if (buffer_[at_] == kMarker && code == kStartOfImage) {  // the one before was cut off
    give_up();
    return true;
  }
  if (buffer_[at_] == kMarker && code == kEndOfImage && scanned_) {
    end(at_ + 2, true);
    return true;
  }
  if (buffer_[at_] != kMarker || code == 0 || code == kEndOfImage) {
    give_up();
    return true;
  }
  if (code == 0x01 || is_restart(code)) {  // without a length
    at_ += 2;
    return true;
  }
  return read_segment();
}

bool JpegSplitter::read_segment() {
  if (left() < 4) return false;
  const std::uint8_t code = buffer_[at_ + 1];
  const std::size_t length = word(at_ + 2);
  if (length < 2) {
    give_up();
    return true;
  }
  if (left() < 2 + length) return false;
  if (is_frame(code) && length >= 7) {
    size_ = {static_cast<int>(word(at_ + 7)), static_cast<int>(word(at_ + 5))};
  }
  at_ += 2 + length;
  if (code == kStartOfScan) {
    scanned_ = true;
    state_ = State::kScan;
  }
  return true;
}

bool JpegSplitter::read_scan() {
  while (left() > 0) {
    const void* marker = std::memchr(&buffer_[at_], kMarker, left());
    if (marker == nullptr) {
      at_ = buffer_.size();
      return false;
    }
    at_ = static_cast<std::size_t>(static_cast<const std::uint8_t*>(marker) - buffer_.data());
    if (left() < 2) return false;
    const std::uint8_t code = buffer_[at_ + 1];
    if (code == kMarker) {
      ++at_;
    } else if (code == kEndOfImage) {
      end(at_ + 2, true);
      return true;
    } else if (code == kStartOfImage) {
      give_up();
      return true;
    } else if (is_segment(code) && !is_restart(code)) {
      state_ = State::kHeader;
      return true;
    } else {
      at_ += 2;
    }
  }
  return false;
}

void JpegSplitter::end(std::size_t end, bool whole) {
  found_ = Picture{std::span(buffer_).subspan(begin_, end - begin_), size_, whole};
  begin_ = at_ = end;
  state_ = State::kSearch;
}

// What was read up to at_ is no whole picture. Reading goes on there and not behind the beginning
// of this one, so that no byte is read twice.
void JpegSplitter::give_up() {
  if (scanned_) return end(at_, false);
  begin_ = at_;
  state_ = State::kSearch;
}

}  // namespace shoal
