// A request that waits for its answer: what the handler holds (PendingExchange), what the
// connection holds (AnswerSlot), and the lock between their threads.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "service/http/body_budget.h"
#include "service/http/exchange.h"

namespace shoal {

// Threads  answer, on_abort: any. take, abandon: the connection's.
class AnswerSlot {
 public:
  // `wake` is called once when an answer has come, on the thread that gave it.
  explicit AnswerSlot(std::function<void()> wake) : wake_(std::move(wake)) {}

  [[nodiscard]] bool wants_answer() const;
  void answer(HttpResponse response);
  void on_abort(std::function<void()> aborted);

  // The answer, once; nothing while there is none.
  [[nodiscard]] std::optional<HttpResponse> take();
  // The client has gone: calls on_abort's function and wants no answer any more.
  void abandon();

 private:
  mutable std::mutex mutex_;
  bool answered_ = false;
  bool abandoned_ = false;
  std::optional<HttpResponse> response_;
  std::function<void()> aborted_;
  std::function<void()> wake_;
};

class PendingExchange final : public HttpExchange {
 public:
  PendingExchange(HttpRequest request, std::vector<std::pair<std::string, std::string>> parts,
                  BodyLease lease, std::shared_ptr<AnswerSlot> slot)
      : lease_(std::move(lease)),
        request_(std::move(request)),
        parts_(std::move(parts)),
        slot_(std::move(slot)) {}
  ~PendingExchange() override;
  PendingExchange(const PendingExchange&) = delete;
  PendingExchange& operator=(const PendingExchange&) = delete;

  const HttpRequest& request() const override { return request_; }
  std::string_view path_part(std::string_view name) const override;
  // Costs    the compression of the body, where the client asked for it.
  void respond(HttpResponse response) override;
  void on_abort(std::function<void()> aborted) override { slot_->on_abort(std::move(aborted)); }

 private:
  const BodyLease lease_;  // goes after the bytes that it stands for
  const HttpRequest request_;
  const std::vector<std::pair<std::string, std::string>> parts_;
  const std::shared_ptr<AnswerSlot> slot_;
};

}  // namespace shoal
