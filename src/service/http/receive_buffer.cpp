#include "service/http/receive_buffer.h"

#include <algorithm>
#include <cstring>

namespace shoal {

void ReceiveBuffer::take(std::size_t count) {
  begin_ += count;
  if (begin_ != end_ || lent_) return;
  begin_ = end_ = 0;
  if (data_.size() > kStep) std::vector<char>().swap(data_);
}

std::span<char> ReceiveBuffer::room(std::size_t capacity) {
  if (begin_ > 0 && end_ == data_.size()) {
    std::memmove(data_.data(), data_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == data_.size() && data_.size() < capacity) {
    data_.resize(std::min(capacity, std::max(kStep, 4 * data_.size())));
  }
  lent_ = end_ < data_.size();
  return {data_.data() + end_, data_.size() - end_};
}

}  // namespace shoal
