// The block of text at the end of a run, and its JSON.
#include "cli/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <string_view>
#include <utility>

#include "cli/display_text.h"
#include "cli/progress.h"
#include "core/json_text.h"

namespace shoal {
namespace {

constexpr int kMinColumns = 60;
constexpr int kRateEdge = 84;    // the rate ends here where there is room
constexpr int kNameColumn = 15;  // where the text after a name like "failed" starts
constexpr int kBarColumn = 40;   // where the bars of the table start
constexpr int kBarCells = 20;
constexpr std::size_t kFailuresShown = 10;

std::string counted(std::int64_t count, std::string_view one) {
  return fmt::format("{} {}{}", with_thousands(count), one, count == 1 ? "" : "s");
}

using Counts = std::vector<std::pair<std::string, std::int64_t>>;

// The most frequent first, of equals by name.
Counts by_count(const std::map<std::string, std::int64_t>& counts) {
  Counts sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return sorted;
}

class Writer {
 public:
  Writer(const RunSummary& summary, const SummaryStyle& style)
      : summary_(summary),
        colour_(style.colour),
        columns_(std::clamp(style.width, kMinColumns, kMaxColumns)),
        wrap_(style.wrap),
        item_(summary.is_video ? "frame" : "picture") {}

  std::string write() {
    model();
    answer();
    classes();
    stages();
    batches();
    outputs();
    return std::move(text_);
  }

 private:
  static constexpr std::string_view kBold = "\x1b[1m";
  static constexpr std::string_view kDim = "\x1b[2m";
  static constexpr std::string_view kRed = "\x1b[31m";
  static constexpr std::string_view kGreen = "\x1b[32m";
  static constexpr std::string_view kCyan = "\x1b[36m";

  std::string painted(std::string_view colour, std::string_view words) const {
    return colour_ && !words.empty() ? fmt::format("{}{}\x1b[0m", colour, words)
                                     : std::string(words);
  }

  void line(std::string_view words) {
    text_ += words;
    text_ += '\n';
  }

  // A name in its column, and text that is wrapped beside it.
  void named(std::string_view name, std::string_view colour, std::string_view words) {
    std::string head = fmt::format("  {}{}", painted(colour, name),
                                   std::string(kNameColumn - 2 - name.size(), ' '));
    if (!wrap_) return line(head + printable(words));
    for (const std::string& part : wrapped(printable(words), columns_ - kNameColumn)) {
      line(head + part);
      head.assign(kNameColumn, ' ');
    }
  }

  // Parts side by side while they fit, each whole.
  void named_parts(std::string_view name, const std::vector<std::string>& parts) {
    constexpr std::string_view kBetween = "     ";
    std::string row;
    std::string_view label = name;
    for (const std::string& part : parts) {
      if (part.empty()) continue;
      const int wanted = columns_of(row) + static_cast<int>(kBetween.size()) + columns_of(part);
      if (!row.empty() && wanted > columns_ - kNameColumn) {
        named(label, {}, row);
        label = {};
        row.clear();
      }
      if (!row.empty()) row += kBetween;
      row += part;
    }
    if (!row.empty()) named(label, {}, row);
  }

  void model() {
    if (summary_.model.empty()) return;
    const std::string left = printable(summary_.model);
    const std::string right = printable(summary_.engine);
    const int gap = columns_ - columns_of(left) - columns_of(right);
    if (gap >= 3) {
      line(left + std::string(static_cast<std::size_t>(std::min(gap, 5)), ' ') +
           painted(kDim, right));
    } else {
      for (const std::string& part : wrapped(left, columns_)) line(part);
      for (const std::string& part : wrapped(right, columns_)) line(painted(kDim, part));
    }
    line("");
  }

  void answer() {
    std::string words = counted(summary_.pictures, item_);
    const auto add = [&](std::int64_t count, std::string_view what) {
      if (count > 0) words += fmt::format(", {} {}", with_thousands(count), what);
    };
    add(summary_.failed, "failed");
    add(summary_.damaged, "damaged");
    words += summary_.objects == 0 ? ", no objects" : ", " + counted(summary_.objects, "object");
    words += " in " + duration_text(summary_.seconds);
    std::string rate;
    if (summary_.images_per_second() > 0) {
      rate = fmt::format("{} {}/s", rate_text(summary_.images_per_second()),
                         summary_.is_video ? "frames" : "images");
    }
    const int wide = columns_of(words) + columns_of(rate);
    const int gap = std::max(std::min(columns_, kRateEdge) - wide, 3);
    if (!rate.empty() && wide + gap <= columns_) {
      line(painted(kBold, words) + std::string(static_cast<std::size_t>(gap), ' ') +
           painted(kBold, rate));
    } else {
      for (const std::string& part : wrapped(words, columns_)) line(painted(kBold, part));
      if (!rate.empty()) line("  " + painted(kBold, rate));
    }
    if (summary_.interrupted) line("  interrupted: what is done is kept");
    if (summary_.truncated > 0) {
      line(fmt::format("  {} had more objects than the limit keeps (--max-det)",
                       counted(summary_.truncated, item_)));
    }
  }

  // The most frequent ones, as many as one line holds.
  void classes() {
    if (summary_.objects_by_class.empty()) return;
    const auto found = by_count(summary_.objects_by_class);
    std::string row = " ";
    for (std::size_t i = 0; i < found.size(); ++i) {
      const std::string part =
          fmt::format("{}{} {}", i == 0 ? " " : "   ", printable(found[i].first),
                      with_thousands(found[i].second));
      const std::size_t left = found.size() - i;
      const std::string rest = more_classes(left, i == 0);
      // Room for this one, and for the words about those behind it.
      const int behind = left > 1 ? columns_of(more_classes(left - 1, false)) : 0;
      if (columns_of(row) + columns_of(part) + behind > columns_) {
        row += rest;
        break;
      }
      row += part;
    }
    line(row);
  }

  static std::string more_classes(std::size_t count, bool none_before) {
    if (none_before) return fmt::format(" {} {}", count, count == 1 ? "class" : "classes");
    return fmt::format("   and {} more {}", count, count == 1 ? "class" : "classes");
  }

  void stages() {
    if (summary_.batches.empty()) return;
    line("");
    line(painted(kDim, "  stage            mean         p99   share of lane time"));
    stage("decode", summary_.decode, "on the decode pool");
    stage("queue", summary_.queue, "");
    stage("preprocess", summary_.preprocess, share_bar(summary_.preprocess.lane_share));
    stage("inference", summary_.inference, share_bar(summary_.inference.lane_share));
    stage("postprocess", summary_.postprocess, share_bar(summary_.postprocess.lane_share));
  }

  void stage(std::string_view name, const StageSummary& times, std::string_view share) {
    std::string row = fmt::format("  {:<11} {:>8.1f} ms {:>8.1f} ms", name, times.mean_ms,
                                  times.p99_ms);
    if (!share.empty()) row += fmt::format("   {}", share);
    line(row);
  }

  // "███▋ 18 %". Below half a percent there is a sliver without a number.
  std::string share_bar(double share) const {
    constexpr std::array<std::string_view, 8> kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    if (!(share > 0)) return {};
    const int most = std::min(kBarCells, columns_ - kBarColumn - 6);  // " 100 %" behind it
    const auto eighths = std::max(1L, std::lround(std::min(share, 1.0) * most * 8));
    std::string cells;
    for (long i = 0; i < eighths / 8; ++i) cells += "█";
    cells += kEighths[static_cast<std::size_t>(eighths % 8)];
    cells = painted(kCyan, cells);
    const long percent = std::lround(share * 100);
    return percent > 0 ? fmt::format("{} {} %", cells, percent) : cells;
  }

  void batches() {
    if (summary_.batches.empty()) return;
    line("");
    std::string sizes;
    for (auto batch = summary_.batches.rbegin(); batch != summary_.batches.rend(); ++batch) {
      sizes += fmt::format("{}{} x {}", sizes.empty() ? "" : ", ", batch->first,
                           with_thousands(batch->second));
    }
    std::string closed;
    for (const auto& [reason, count] : by_count(summary_.close_reasons)) {
      closed += fmt::format("{}{} {}", closed.empty() ? "closed: " : ", ", reason,
                            with_thousands(count));
    }
    const std::string padding = fmt::format("padding {:.0f} %", summary_.padding * 100);
    named_parts("batches", {sizes, closed, padding});
    if (summary_.memory_peak_bytes > 0) {
      named("memory", {}, bytes_text(summary_.memory_peak_bytes) + " peak");
    }
  }

  void outputs() {
    const std::size_t shown = std::min(summary_.failures.size(), kFailuresShown);
    const auto all = static_cast<std::size_t>(std::max<std::int64_t>(
        summary_.failed + summary_.sink_failures, 0));
    const bool any = shown > 0 || !summary_.written.empty() || !summary_.advice.empty();
    if (any) line("");
    for (std::size_t i = 0; i < shown; ++i) {
      named(i == 0 ? "failed" : "", kRed, summary_.failures[i]);
    }
    if (shown > 0 && all > shown) named("", {}, fmt::format("and {} more", all - shown));
    std::string files;
    for (const std::string& one : summary_.written) {
      files += (files.empty() ? "" : ", ") + one;
    }
    if (!files.empty()) named("written", kGreen, files);
    if (!summary_.advice.empty()) named("faster", kCyan, summary_.advice);
  }

  const RunSummary& summary_;
  bool colour_;
  int columns_;
  const bool wrap_;
  std::string_view item_;
  std::string text_;
};

// One flat object in the making.
class JsonObject {
 public:
  void key(std::string_view name) {
    append_text(text_, first_ ? "{" : ",");
    first_ = false;
    append_json_string(text_, name);
    text_.push_back(':');
  }
  void text(std::string_view name, std::string_view value) {
    key(name);
    append_json_string(text_, value);
  }
  void count(std::string_view name, std::int64_t value) { literal(name, std::to_string(value)); }
  void number(std::string_view name, double value, int decimals) {
    key(name);
    append_json_number(text_, value, decimals);
  }
  void truth(std::string_view name, bool value) { literal(name, value ? "true" : "false"); }
  void literal(std::string_view name, std::string_view json) {
    key(name);
    append_text(text_, json);
  }
  void texts(std::string_view name, const std::vector<std::string>& values) {
    key(name);
    text_.push_back('[');
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) text_.push_back(',');
      append_json_string(text_, values[i]);
    }
    text_.push_back(']');
  }
  std::string done() {
    append_text(text_, first_ ? "{}" : "}");
    return fmt::to_string(text_);
  }

 private:
  fmt::memory_buffer text_;
  bool first_ = true;
};

std::string stages_json(const RunSummary& summary) {
  JsonObject stages;
  const std::pair<std::string_view, const StageSummary*> all[] = {
      {"decode", &summary.decode},         {"queue", &summary.queue},
      {"preprocess", &summary.preprocess}, {"inference", &summary.inference},
      {"postprocess", &summary.postprocess}};
  for (const auto& [name, times] : all) {
    JsonObject stage;
    stage.number("mean_ms", times->mean_ms, 3);
    stage.number("p99_ms", times->p99_ms, 3);
    stage.number("lane_share", times->lane_share, 4);
    stages.literal(name, stage.done());
  }
  return stages.done();
}

}  // namespace

std::string render_summary(const RunSummary& summary, const SummaryStyle& style) {
  return Writer(summary, style).write();
}

std::string summary_to_json(const RunSummary& summary) {
  const auto counts = [](const auto& map, auto&& name_of) {
    JsonObject object;
    for (const auto& [key, count] : map) object.count(name_of(key), count);
    return object.done();
  };
  const auto same = [](const std::string& name) { return std::string_view(name); };
  const auto digits = [](int size) { return std::to_string(size); };
  JsonObject json;
  json.text("model", summary.model);
  json.text("engine", summary.engine);
  json.truth("multi_label", summary.multi_label);
  json.count("pictures", summary.pictures);
  json.count("failed", summary.failed);
  json.count("sink_failures", summary.sink_failures);
  json.count("damaged", summary.damaged);
  json.count("objects", summary.objects);
  json.count("truncated", summary.truncated);
  json.truth("is_video", summary.is_video);
  json.number("seconds", summary.seconds, 3);
  json.number("images_per_second", summary.images_per_second(), 3);
  json.literal("objects_by_class", counts(summary.objects_by_class, same));
  json.literal("stages", stages_json(summary));
  json.literal("batches", counts(summary.batches, digits));
  json.literal("close_reasons", counts(summary.close_reasons, same));
  json.number("padding", summary.padding, 4);
  json.count("memory_peak_bytes", summary.memory_peak_bytes);
  json.texts("failures", summary.failures);
  json.texts("notes", summary.notes);
  json.texts("written", summary.written);
  json.text("advice", summary.advice);
  json.truth("interrupted", summary.interrupted);
  return json.done();
}

}  // namespace shoal
