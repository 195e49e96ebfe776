// What holds between the keys of a site: required ones, names that are unique, URLs that can be
// opened, folders that do not collide, alarms and sinks that speak of cameras which are there.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/site_config.h"
#include "shoal/result.h"

namespace shoal {

// One camera alone. Messages begin with the key. Whether its model and classes exist is not known
// here, and whether its URL answers shows when it runs.
//
// Errors   invalid_argument.
// Cost     some microseconds.
[[nodiscard]] Result<void> check_camera(const CameraConfig& camera);

// Everything but check_references. Messages begin with "camera 'line-1': " and the key.
// `models`: names of [model.NAME].
// Errors   invalid_argument.
[[nodiscard]] Result<void> check_site(const SiteConfig& site,
                                      std::span<const std::string> models);

// Cameras that alarms and sinks name exist; zones and lines that an alarm's condition names exist
// on at least one of the cameras that it is about. Apart from check_site, because it may become
// untrue while cameras are removed in the run, which is no reason not to start.
// Errors   invalid_argument.
[[nodiscard]] Result<void> check_references(const SiteConfig& site);

// Gives sinks without a name that of their type, numbered where several would have it.
void name_sinks(std::vector<SinkConfig>& sinks);

// "camera 'line-1'", or "camera 2" by its place where it has no name. `what`: camera, alarm, sink.
[[nodiscard]] std::string site_label(std::string_view what, std::string_view name,
                                     std::size_t index);

}  // namespace shoal
