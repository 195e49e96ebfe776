#include "cli/program.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/parse_error.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "core/suggest.h"
#include "pipeline/timed_load.h"

namespace shoal {
namespace {

constexpr std::string_view kVersion = "shoal 0.1.0";

// What stands in front of a word behind "--". Such words are names, whatever they begin with; CLI11
// forgets the mark when it goes from the verb's words to the program's.
constexpr char kNameMark = '\x01';

void mark_names(std::vector<std::string>& words) {
  const auto end = std::find(words.begin(), words.end(), "--");
  if (end == words.end()) return;
  for (auto name = words.erase(end); name != words.end(); ++name) name->insert(0, 1, kNameMark);
}

// Else [a,b] would be a list, and not a folder's name.
void mark_brackets(std::vector<std::string>& words) {
  for (std::string& word : words) {
    if (word.starts_with('[') && word.ends_with(']')) word.insert(0, 1, kNameMark);
  }
}

std::string without_mark(std::string word) {
  if (word.starts_with(kNameMark)) word.erase(0, 1);
  return word;
}

// Takes --section.key VALUE and --section.key=VALUE out of the words: they are configuration, which
// CLI11 would not tell from a positional argument.
Result<Overrides> take_overrides(std::vector<std::string>& words) {
  Overrides overrides;
  std::vector<std::string> rest;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const std::string_view name = word.substr(0, word.find('='));
    if (!word.starts_with("--") || name.find('.') == std::string_view::npos) {
      rest.push_back(words[i]);
    } else if (name.size() < word.size()) {
      overrides.emplace_back(name.substr(2), word.substr(name.size() + 1));
    } else if (i + 1 < words.size()) {
      overrides.emplace_back(name.substr(2), words[++i]);
    } else {
      return Error{ErrorCode::kInvalidArgument, fmt::format("{}: expected a value", word)};
    }
  }
  words = std::move(rest);
  return overrides;
}

int unknown_option(const CLI::App& verb, const std::string& given) {
  const std::string word = without_mark(given);
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  const std::vector<std::string_view> known(names.begin(), names.end());
  return report(fmt::format("{}: unknown {} '{}'{}", verb.get_name(),
                            given.starts_with("-") ? "option" : "argument", word,
                            suggestion(word, known)), kWrongUsage);
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
  verbs["budget"] = add_budget(program);
  verbs["serve"] = add_serve(program);
  verbs["run"] = add_run(program);
  for (CLI::App* verb : program.get_subcommands({})) {
    verb->add_flag("-v,--verbose", verbosity, "say more; -vv says most");
    verb->allow_extras();
    for (CLI::Option* option : verb->get_options()) {
      if (option->get_expected_max() > 0) option->transform(without_mark);
    }
  }
  std::vector<std::string> words(argv + 1, argv + argc);
  mark_names(words);
  const auto overrides = take_overrides(words);
  if (!overrides) return report(overrides.error().message, kWrongUsage);
  mark_brackets(words);
  std::reverse(words.begin(), words.end());  // as CLI11 takes a vector
  try {
    program.parse(std::move(words));
  } catch (const CLI::Success& done) {
    return program.exit(done);
  } catch (const CLI::ParseError& error) {
    const auto begun = program.get_subcommands();
    return report(describe_parse_error(error, begun.empty() ? nullptr : begun.front()),
                  kWrongUsage);
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
  auto unknown = chosen.front()->remaining();
  for (std::string& word : program.remaining()) unknown.push_back(std::move(word));
  if (!unknown.empty()) return unknown_option(*chosen.front(), unknown.front());
  const int status = verbs.at(chosen.front()->get_name())(*overrides);
  if (loads_left_behind() > 0) {
    // They use what ending in order would tear down.
    std::fflush(nullptr);
    std::_Exit(status);
  }
  return status;
}

}  // namespace shoal
