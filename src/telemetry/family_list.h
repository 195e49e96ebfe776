// Families of metrics while they are put together, in the order they are first named.
#pragma once

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shoal {

using MetricLabels = std::vector<prometheus::ClientMetric::Label>;

class FamilyList {
 public:
  void counter(std::string_view name, std::string_view help, MetricLabels labels, double value) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    metric.counter.value = value;
    family(name, help, prometheus::MetricType::Counter).metric.push_back(std::move(metric));
  }
  void counter(std::string_view name, std::string_view help, MetricLabels labels,
               std::uint64_t value) {
    counter(name, help, std::move(labels), static_cast<double>(value));
  }
  void gauge(std::string_view name, std::string_view help, MetricLabels labels, double value) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    metric.gauge.value = value;
    family(name, help, prometheus::MetricType::Gauge).metric.push_back(std::move(metric));
  }
  void gauge(std::string_view name, std::string_view help, MetricLabels labels,
             std::int64_t value) {
    gauge(name, help, std::move(labels), static_cast<double>(value));
  }
  void histogram(std::string_view name, std::string_view help, MetricLabels labels,
                 prometheus::ClientMetric::Histogram value) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    metric.histogram = std::move(value);
    family(name, help, prometheus::MetricType::Histogram).metric.push_back(std::move(metric));
  }
  void summary(std::string_view name, std::string_view help, MetricLabels labels,
               prometheus::ClientMetric::Summary value) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    metric.summary = std::move(value);
    family(name, help, prometheus::MetricType::Summary).metric.push_back(std::move(metric));
  }

  [[nodiscard]] const std::vector<prometheus::MetricFamily>& families() const { return families_; }

 private:
  // A name stands for one family of one type; a second type under the same name is left out by
  // giving it a family nobody reads.
  prometheus::MetricFamily& family(std::string_view name, std::string_view help,
                                   prometheus::MetricType type) {
    for (prometheus::MetricFamily& one : families_) {
      if (one.name == name) return one.type == type ? one : ignored_;
    }
    families_.push_back({std::string(name), std::string(help), type, {}});
    return families_.back();
  }

  std::vector<prometheus::MetricFamily> families_;
  prometheus::MetricFamily ignored_;
};

}  // namespace shoal
