// Messages on their way to a broker: topic and payload, in room that is used again.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace shoal {

struct Message {
  std::string topic;
  std::string payload;
  bool retain = false;
};

class MessageBatch {
 public:
  // An empty one, at the end. Valid until the next add() or clear().
  [[nodiscard]] Message& add() {
    if (used_ == messages_.size()) messages_.emplace_back();
    Message& message = messages_[used_++];
    message.topic.clear();
    message.payload.clear();
    message.retain = false;
    return message;
  }
  void clear() { used_ = 0; }
  [[nodiscard]] std::span<const Message> view() const { return {messages_.data(), used_}; }

 private:
  std::vector<Message> messages_;
  std::size_t used_ = 0;
};

}  // namespace shoal
