// The parser: one function a rule of the grammar in alarm_rule.h.
#include "track/alarm_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "core/suggest.h"
#include "track/alarm_expression.h"
#include "track/alarm_tokens.h"

namespace shoal {
namespace {

using Kind = AlarmToken::Kind;

constexpr int kDepthMax = 50;
constexpr double kSecondsMax = 30.0 * 24 * 3600;
constexpr double kCountMax = 1e6;

constexpr std::array<std::string_view, 11> kFields{
    "class", "zone", "camera", "confidence", "age", "area", "dwell", "stationary", "crossed",
    "count", "not"};
constexpr std::array<std::string_view, 4> kUnits{"ms", "s", "m", "h"};

void add_name(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

class Parser {
 public:
  // What the condition as a whole names and needs.
  struct Facts {
    std::vector<std::string> classes, zones, lines, cameras;
    std::optional<std::size_t> dwell_column, crossed_column;
  };

  explicit Parser(std::vector<AlarmToken> tokens) : tokens_(std::move(tokens)) {}

  Result<AlarmExpression> condition(Duration& held) {
    if (peek().kind == Kind::kEnd) return expected("a condition");
    AlarmExpression root = SHOAL_TRY(or_expression(0));
    if (word("for")) {
      const std::size_t column = peek().column;
      const double seconds = SHOAL_TRY(duration());
      held = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
      if (facts_.crossed_column) {
        return alarm_error(column, "crossed is true in one frame only; expected no 'for' with it");
      }
    }
    if (peek().kind != Kind::kEnd) return expected("and, or, for or the end");
    return root;
  }

  Facts& facts() { return facts_; }

 private:
  const AlarmToken& peek() const { return tokens_[at_]; }
  AlarmToken take() { return tokens_[peek().kind == Kind::kEnd ? at_ : at_++]; }
  bool symbol(std::string_view text) { return take_if(Kind::kSymbol, text); }
  bool word(std::string_view text) { return take_if(Kind::kWord, text); }
  bool take_if(Kind kind, std::string_view text) {
    if (peek().kind != kind || peek().text != text) return false;
    ++at_;
    return true;
  }

  Error expected(std::string_view what, std::string_view suggestion = "") const {
    const AlarmToken& token = peek();
    std::string got = "the end";
    if (token.kind == Kind::kName) got = "'" + token.text + "'";
    else if (token.kind != Kind::kEnd) got = token.text;
    return alarm_error(token.column, fmt::format("expected {}; got {}{}", what, got, suggestion));
  }

  Result<AlarmExpression> or_expression(int depth) {
    return list(AlarmTerm::kOr, "or", depth);
  }

  // One level of "a or b or c" or, below it, of "a and b and c"; a single one is itself.
  Result<AlarmExpression> list(AlarmTerm term, std::string_view joint, int depth) {
    AlarmExpression all{.term = term};
    do {
      AlarmExpression one = term == AlarmTerm::kOr
                                ? SHOAL_TRY(list(AlarmTerm::kAnd, "and", depth))
                                : SHOAL_TRY(negatable(depth));
      all.counts = all.counts || one.counts;
      all.children.push_back(std::move(one));
    } while (word(joint));
    if (all.children.size() > 1) return all;
    AlarmExpression only = std::move(all.children.front());
    return only;
  }

  Result<AlarmExpression> negatable(int depth) {
    if (depth > kDepthMax) {
      return alarm_error(peek().column, fmt::format("more than {} levels deep", kDepthMax));
    }
    if (word("not")) {
      AlarmExpression inner = SHOAL_TRY(negatable(depth + 1));
      AlarmExpression outer{.term = AlarmTerm::kNot, .counts = inner.counts};
      outer.children.push_back(std::move(inner));
      return outer;
    }
    if (symbol("(")) {
      AlarmExpression inner = SHOAL_TRY(or_expression(depth + 1));
      if (!symbol(")")) return expected("), and or or");
      return inner;
    }
    return comparison();
  }

  Result<AlarmExpression> comparison() {
    if (peek().kind != Kind::kWord) return expected("a field such as class, zone or count");
    const std::size_t column = peek().column;
    if (word("class")) return named(AlarmTerm::kClass, facts_.classes);
    if (word("zone")) return named(AlarmTerm::kZone, facts_.zones);
    if (word("camera")) return named(AlarmTerm::kCamera, facts_.cameras);
    if (word("confidence")) return share(AlarmTerm::kConfidence);
    if (word("area")) return share(AlarmTerm::kArea);
    if (word("age")) return timed(AlarmTerm::kAge);
    if (word("stationary")) return AlarmExpression{.term = AlarmTerm::kStationary};
    if (word("count")) return count();
    if (word("dwell")) {
      facts_.dwell_column = facts_.dwell_column.value_or(column);
      return timed(AlarmTerm::kDwell);
    }
    if (word("crossed")) {
      facts_.crossed_column = column;
      return crossed();
    }
    return expected("a field (class, zone, camera, confidence, age, area, dwell, stationary, "
                    "crossed or count)", suggestion(peek().text, kFields));
  }

  Result<AlarmOperator> any_operator() {
    constexpr std::array<std::pair<std::string_view, AlarmOperator>, 6> kOperators{
        {{"==", AlarmOperator::kEqual}, {"!=", AlarmOperator::kNotEqual},
         {"<=", AlarmOperator::kLessEqual}, {">=", AlarmOperator::kGreaterEqual},
         {"<", AlarmOperator::kLess}, {">", AlarmOperator::kGreater}}};
    for (const auto& [text, op] : kOperators) {
      if (symbol(text)) return op;
    }
    return expected("==, !=, <, <=, > or >=");
  }

  Result<std::string> name() {
    if (peek().kind != Kind::kName) return expected("a 'name' in quotes");
    if (peek().text.empty()) return alarm_error(peek().column, "expected a name; got ''");
    return take().text;
  }

  // [ 'a', 'b' ], after its "in".
  Result<std::vector<std::string>> names() {
    if (!symbol("[")) return expected("[ and names, as in ['a', 'b']");
    std::vector<std::string> all;
    do {
      add_name(all, SHOAL_TRY(name()));
    } while (symbol(","));
    if (!symbol("]")) return expected(", or ]");
    return all;
  }

  Result<AlarmExpression> named(AlarmTerm term, std::vector<std::string>& known) {
    AlarmExpression made{.term = term};
    if (word("in")) {
      made.names = SHOAL_TRY(names());
    } else if (symbol("==")) {
      made.names.push_back(SHOAL_TRY(name()));
    } else if (symbol("!=")) {
      made.op = AlarmOperator::kNotEqual;
      made.names.push_back(SHOAL_TRY(name()));
    } else {
      return expected("==, != or in");
    }
    for (const std::string& one : made.names) add_name(known, one);
    return made;
  }

  Result<AlarmExpression> crossed() {
    AlarmExpression made{.term = AlarmTerm::kCrossed};
    if (word("in")) {
      made.names = SHOAL_TRY(names());
    } else if (symbol("==")) {
      made.names.push_back(SHOAL_TRY(name()));
    } else {
      return expected("== or in");
    }
    if (word("forward")) made.direction = AlarmDirection::kForward;
    else if (word("backward")) made.direction = AlarmDirection::kBackward;
    for (const std::string& one : made.names) add_name(facts_.lines, one);
    return made;
  }

  Result<double> number(std::string_view what) {
    if (peek().kind != Kind::kNumber) return expected(what);
    return take().number;
  }

  Result<AlarmExpression> share(AlarmTerm term) {
    AlarmExpression made{.term = term, .op = SHOAL_TRY(any_operator())};
    const std::size_t column = peek().column;
    made.number = SHOAL_TRY(number("a number from 0 to 1"));
    if (made.number > 1) {
      return alarm_error(column, fmt::format("expected a number from 0 to 1; got {:g}",
                                             made.number));
    }
    return made;
  }

  Result<AlarmExpression> timed(AlarmTerm term) {
    AlarmExpression made{.term = term, .op = SHOAL_TRY(any_operator())};
    made.number = SHOAL_TRY(duration());
    return made;
  }

  Result<AlarmExpression> count() {
    AlarmExpression made{.term = AlarmTerm::kCount, .op = SHOAL_TRY(any_operator()),
                         .counts = true};
    const std::size_t column = peek().column;
    made.number = SHOAL_TRY(number("a whole number"));
    if (made.number != std::floor(made.number) || made.number > kCountMax) {
      return alarm_error(column, fmt::format("expected a whole number up to {:g}; got {:g}",
                                             kCountMax, made.number));
    }
    return made;
  }

  Result<double> duration() {
    const std::size_t column = peek().column;
    const double value = SHOAL_TRY(number("a duration such as 500ms, 0.5s, 2m or 1h"));
    double seconds = 0;
    if (word("ms")) seconds = value / 1000;
    else if (word("s")) seconds = value;
    else if (word("m")) seconds = value * 60;
    else if (word("h")) seconds = value * 3600;
    else if (peek().kind == Kind::kWord) {
      return expected("a unit: ms, s, m or h", suggestion(peek().text, kUnits));
    } else {
      return expected("a unit: ms, s, m or h");
    }
    if (seconds > kSecondsMax) return alarm_error(column, "expected at most 720h");
    return seconds;
  }

  std::vector<AlarmToken> tokens_;
  std::size_t at_ = 0;
  Facts facts_;
};

// Zones that a track may owe its match to.
void collect_own_zones(const AlarmExpression& expression, std::vector<std::string>& zones) {
  if (expression.term == AlarmTerm::kNot) return;
  if (expression.term == AlarmTerm::kZone && expression.op == AlarmOperator::kEqual) {
    for (const std::string& name : expression.names) add_name(zones, name);
  }
  for (const AlarmExpression& child : expression.children) collect_own_zones(child, zones);
}

}  // namespace

Result<AlarmRule> AlarmRule::parse(std::string_view when) {
  Parser parser(SHOAL_TRY(read_alarm_tokens(when)));
  auto node = std::make_shared<Node>();
  node->condition = SHOAL_TRY(parser.condition(node->held));
  Parser::Facts& facts = parser.facts();
  node->text = when;
  node->classes = std::move(facts.classes);
  node->zones = std::move(facts.zones);
  node->lines = std::move(facts.lines);
  node->cameras = std::move(facts.cameras);
  node->momentary = facts.crossed_column.has_value();
  collect_own_zones(node->condition, node->own_zones);
  if (facts.dwell_column && node->own_zones.empty()) {
    return alarm_error(*facts.dwell_column,
                       "dwell is the time in a zone; expected zone == 'NAME' beside it");
  }
  return AlarmRule(std::move(node));
}

AlarmRule::AlarmRule(std::shared_ptr<const Node> root) : root_(std::move(root)) {}

AlarmRule::~AlarmRule() = default;
AlarmRule::AlarmRule(const AlarmRule&) = default;
AlarmRule& AlarmRule::operator=(const AlarmRule&) = default;
AlarmRule::AlarmRule(AlarmRule&&) noexcept = default;
AlarmRule& AlarmRule::operator=(AlarmRule&&) noexcept = default;

const std::vector<std::string>& AlarmRule::classes() const { return root_->classes; }
const std::vector<std::string>& AlarmRule::zones() const { return root_->zones; }
const std::vector<std::string>& AlarmRule::lines() const { return root_->lines; }
const std::vector<std::string>& AlarmRule::cameras() const { return root_->cameras; }
const std::string& AlarmRule::text() const { return root_->text; }

}  // namespace shoal
