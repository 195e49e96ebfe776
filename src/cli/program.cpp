#include "cli/program.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <csignal>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/terminal.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "core/suggest.h"

namespace shoal {
namespace {

constexpr std::string_view kVersion = "shoal 0.1.0";

// What CLI11 did not know: --section.key value pairs are configuration, the rest is a mistake.
Result<Overrides> take_overrides(const CLI::App& verb) {
  Overrides overrides;
  const std::vector<std::string> rest = verb.remaining();
  for (std::size_t i = 0; i < rest.size(); ++i) {
    std::string_view word = rest[i];
    const bool is_option = word.starts_with("--");
    if (is_option && word.find('.') != std::string_view::npos) {
      word.remove_prefix(2);
      const std::size_t equals = word.find('=');
      if (equals != std::string_view::npos) {
        overrides.emplace_back(word.substr(0, equals), word.substr(equals + 1));
        continue;
      }
      if (i + 1 == rest.size()) {
        return Error{ErrorCode::kInvalidArgument, fmt::format("{}: expected a value", rest[i])};
      }
      overrides.emplace_back(word, rest[++i]);
      continue;
    }
    std::vector<std::string> names;
    for (const CLI::Option* option : verb.get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
      for (const std::string& name : option->get_snames()) names.push_back("-" + name);
    }
    const std::vector<std::string_view> known(names.begin(), names.end());
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{}: unknown {} '{}'{}", verb.get_name(),
                             word.starts_with("-") ? "option" : "argument", word,
                             suggestion(word, known))};
  }
  return overrides;
}

int unknown_verb(const CLI::App& program, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::App* verb : program.get_subcommands({})) names.push_back(verb->get_name());
  const std::vector<std::string_view> known(names.begin(), names.end());
  return report(fmt::format("unknown verb '{}'{}; try shoal --help", word,
                            suggestion(word, known)), kWrongUsage);
}

}  // namespace

int run_program(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of that output, not our end
  CLI::App program("Shoal: batched YOLO inference, right at every batch size", "shoal");
  program.set_version_flag("--version", std::string(kVersion));
  program.require_subcommand(0, 1);
  program.allow_extras();
  int verbosity = 0;
  std::map<std::string, VerbBody> verbs;
  verbs["detect"] = add_detect(program);
  verbs["eval"] = add_eval(program);
  verbs["inspect"] = add_inspect(program);
  verbs["doctor"] = add_doctor(program);
  verbs["bench"] = add_bench(program);
  for (CLI::App* verb : program.get_subcommands({})) {
    verb->add_flag("-v,--verbose", verbosity, "say more; -vv says most");
    verb->allow_extras();
  }
  try {
    program.parse(argc, argv);
  } catch (const CLI::Success& done) {
    return program.exit(done);
  } catch (const CLI::ParseError& error) {
    return report(error.what(), kWrongUsage);
  }
  set_log_level(verbosity == 0 ? LogLevel::kWarn
                               : (verbosity == 1 ? LogLevel::kInfo : LogLevel::kDebug));
  const auto chosen = program.get_subcommands();
  if (chosen.empty()) {
    const auto rest = program.remaining();
    if (!rest.empty()) return unknown_verb(program, rest.front());
    fmt::print("{}", program.help());
    return kAllWell;
  }
  const auto overrides = take_overrides(*chosen.front());
  if (!overrides) return report(overrides.error().message, kWrongUsage);
  return verbs.at(chosen.front()->get_name())(*overrides);
}

}  // namespace shoal
