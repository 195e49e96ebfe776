#include "service/page/page_routes.h"

#include <string>
#include <utility>

#include "service/http/body_coding.h"
#include "service/page/page_files.h"

namespace shoal {
namespace {

HttpResponse of(const EmbeddedFile& file, const HttpRequest& request, const char* cache) {
  HttpResponse response;
  response.content_type = std::string(file.content_type);
  response.headers.emplace_back("Cache-Control", cache);
  const AcceptedCoding accepted = accepted_coding(request.header("accept-encoding"));
  if (!file.gzip.empty() && accepted.coding == ContentCoding::kGzip) {
    response.body = std::string(file.gzip);
    response.headers.emplace_back("Content-Encoding", "gzip");
    response.headers.emplace_back("Vary", "Accept-Encoding");
  } else {
    response.body = std::string(file.bytes);
  }
  return response;
}

HttpResponse index_page(const HttpRequest& request) {
  const auto file = page_file("index.html");
  if (!file) return http_error(404, "this build has no dashboard");
  HttpResponse response = of(*file, request, "no-cache");
  // All it loads comes from here; pictures and clips also as blobs: an element cannot send a key.
  response.headers.emplace_back(
      "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
      "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
      "frame-ancestors 'none'");
  response.headers.emplace_back("Referrer-Policy", "no-referrer");
  return response;
}

}  // namespace

void add_page_routes(HttpRouter& router) {
  using Exchange = std::shared_ptr<HttpExchange>;
  router.add("GET", "/", [](const Exchange& exchange) {
    exchange->respond(index_page(exchange->request()));
  }, RouteAccess::kOpen);
  router.add("GET", "/assets/{file}", [](const Exchange& exchange) {
    const std::string path = "assets/" + std::string(exchange->path_part("file"));
    const auto file = page_file(path);
    if (!file) return exchange->respond(http_error(404, "no such file of the page"));
    exchange->respond(of(*file, exchange->request(), "public, max-age=31536000, immutable"));
  }, RouteAccess::kOpen);
}

}  // namespace shoal
