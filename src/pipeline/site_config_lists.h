// The site's part of a configuration file as TOML tables, for config.cpp.
#pragma once

#include <string>
#include <string_view>

#include "pipeline/config_values.h"
#include "pipeline/site_config.h"
#include "pipeline/site_config_read.h"
#include "shoal/result.h"

namespace shoal {

// camera, alarm, sink: sections that come several times, as [[camera]].
[[nodiscard]] bool is_site_list(std::string_view section);

// Reads all of [[section]] behind what is there. Unchecked: see check_site.
// Errors   invalid_argument: not a list; an unknown key; a value of the wrong type or range; a key
//          that this type of sink does not have. Messages say which camera, alarm or sink.
[[nodiscard]] Result<void> read_site_list(SiteConfig& site, std::string_view section,
                                          ConfigNode node);

// One key of one camera, "line-1.fps_max", as the command line has it; checked.
// Errors   as above, and those of check_camera.
[[nodiscard]] Result<void> set_camera_option(SiteConfig& site, std::string_view name,
                                             ConfigNode node);

// [[camera]], [[alarm]] and [[sink]] with every key they have.
[[nodiscard]] std::string site_lists_text(const SiteConfig& site, Passwords passwords);

}  // namespace shoal
