// One request, from bytes to HttpRequest: head, body, limits. No sockets, no clock: a connection
// and a fuzzer feed it alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "service/http/body_budget.h"
#include "service/http/body_coding.h"
#include "service/http/request_head.h"

namespace shoal {

struct RequestLimits {
  std::size_t header_max = 0;  // bytes
  std::size_t body_max = 0;    // bytes, on the wire and inflated
};

// kHead --feed--> kHeadRead --begin_body/skip_body--> kBody --feed--> kComplete; or kRefused.
class RequestReader {
 public:
  enum class Phase : std::uint8_t { kHead, kHeadRead, kBody, kComplete, kRefused };

  RequestReader(const RequestLimits& limits, std::shared_ptr<BodyBudget> budget)
      : limits_(limits), scanner_(limits.header_max), lease_(std::move(budget)) {}

  [[nodiscard]] Phase phase() const { return phase_; }

  // Takes bytes from the front of `input`, answers how many. While the head is incomplete it takes
  // none, and wants to see them again with what comes after them. Does a bounded amount of work a
  // call: see pending().
  // REQUIRES phase is kHead or kBody.
  [[nodiscard]] std::size_t feed(std::string_view input);
  // Bytes already taken have more to give: feed again before waiting for input.
  [[nodiscard]] bool pending() const { return phase_ == Phase::kBody && pending_; }

  // REQUIRES phase is past kHead and not kRefused by the head itself.
  [[nodiscard]] RequestHead& head() { return head_; }
  // Whose body it is, for the budget; `open`: its sender has not shown a key. Before begin_body.
  void own(std::string client, bool open) { lease_.own(std::move(client), open); }
  // kHeadRead to kBody, or kComplete without one, or kRefused: 413 above body_max by its announced
  // length, 503 above the budget.
  void begin_body();
  // As begin_body, for a request that is refused already: its body is read and dropped.
  void skip_body();

  // Where the body may be received into directly; empty where it has to be fed. What was received
  // is told by `received`. Valid until the next call.
  [[nodiscard]] std::span<char> direct();
  void received(std::size_t count);
  // Bytes of this body taken so far, as on the wire.
  [[nodiscard]] std::uint64_t body_bytes() const { return wire_bytes_; }

  // Ends the reading; also for reasons that lie outside, such as time.
  void refuse(int status, std::string message);
  // REQUIRES kRefused.
  [[nodiscard]] const HttpRefusal& refusal() const { return refusal_; }
  // Whether the head could be read, so that the refusal is about a known request.
  [[nodiscard]] bool head_read() const { return head_read_; }

  // REQUIRES kComplete. The lease goes with the request's bytes.
  [[nodiscard]] HttpRequest take_request();
  [[nodiscard]] BodyLease take_lease() { return std::move(lease_); }

 private:
  [[nodiscard]] std::size_t feed_head(std::string_view input);
  [[nodiscard]] std::size_t feed_sized(std::string_view input);
  [[nodiscard]] std::size_t feed_chunked(std::string_view input);
  // Undoes the coding of `data` into the body; how much of it was taken.
  [[nodiscard]] std::size_t append(std::string_view data);
  [[nodiscard]] std::size_t append_inflated(std::string_view data);
  [[nodiscard]] bool make_room(std::size_t count);  // false: it has refused
  [[nodiscard]] bool refuse_for_memory();           // always false
  void finish_body();

  RequestLimits limits_;
  Phase phase_ = Phase::kHead;
  HeadScanner scanner_;
  RequestHead head_;
  bool head_read_ = false;
  HttpRefusal refusal_;

  BodyLease lease_;
  std::string body_;
  std::size_t filled_ = 0;  // of body_, which may be longer while it is received into
  bool skip_ = false;
  bool pending_ = false;
  std::uint64_t wire_bytes_ = 0;  // without the framing of chunks
  ChunkDecoder chunks_;
  std::unique_ptr<Inflater> inflater_;
};

}  // namespace shoal
