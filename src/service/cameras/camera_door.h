// The handlers behind camera_routes.h: what changes cameras, what is asked of them, alarms.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "pipeline/camera_control.h"
#include "service/cameras/camera_routes.h"
#include "service/cameras/deepstream.h"
#include "service/cameras/live_hub.h"
#include "service/cameras/live_news.h"
#include "service/cameras/mjpeg.h"
#include "service/http/exchange.h"
#include "service/rest/work_queue.h"
#include "shoal/result.h"

namespace shoal {

class CameraDoor {
 public:
  using Exchange = std::shared_ptr<HttpExchange>;

  explicit CameraDoor(CameraRoutesOptions options);

  // On a thread of their own: the site may have to stop a camera first.
  void add(const Exchange& exchange);
  void change(const Exchange& exchange, bool whole);  // PUT or PATCH
  void remove(const Exchange& exchange);
  void set_paused(const Exchange& exchange, bool paused);
  void stream_add(const Exchange& exchange);     // DeepStream's
  void stream_remove(const Exchange& exchange);

  void cameras(const Exchange& exchange);
  void camera(const Exchange& exchange);
  void frame(const Exchange& exchange);
  void mjpeg(const Exchange& exchange);
  void live(const Exchange& exchange);
  void stream_info(const Exchange& exchange);
  void stream_ready(const Exchange& exchange);
  void status(const Exchange& exchange);
  void config(const Exchange& exchange);

  // On a thread of their own: they may look into the recordings folder.
  void alarms(const Exchange& exchange);
  void thumbnail(const Exchange& exchange);
  void clip(const Exchange& exchange);

 private:
  using Work = std::function<Result<HttpResponse>(const HttpExchange&)>;

  void later(WorkQueue& queue, const Exchange& exchange, Work work);
  [[nodiscard]] Result<HttpResponse> added(const HttpExchange& exchange);
  [[nodiscard]] Result<HttpResponse> changed(const HttpExchange& exchange, bool whole);
  [[nodiscard]] Result<HttpResponse> removed(const HttpExchange& exchange);
  [[nodiscard]] HttpResponse stream_changed(const HttpExchange& exchange, bool add);
  [[nodiscard]] Result<void> change_stream(const HttpExchange& exchange, bool add);
  [[nodiscard]] Result<HttpResponse> listed_alarms(const HttpExchange& exchange);
  [[nodiscard]] Result<HttpResponse> status_of_camera(std::string_view name, int status);
  [[nodiscard]] Result<std::shared_ptr<const Alarm>> find_alarm(std::string_view id) const;

  const CameraRoutesOptions options_;
  CameraControl& control_;
  DeepStreamNames names_;
  LiveHub hub_;
  FrameRequests frames_;
  LiveNews news_;  // after what its beat reaches
  // Last, so that they end before what their work uses.
  WorkQueue changing_;
  WorkQueue reading_;
};

}  // namespace shoal
