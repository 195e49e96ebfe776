// Goal: names are read however they are written, and damage is refused with a place.
// Method: literals with known names; names of a seeded generator, written by an own small writer.
#include "engine/class_names.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

namespace shoal {
namespace {

using Names = std::vector<std::string>;

Names read(std::string_view text) {
  const auto names = parse_class_names(text);
  EXPECT_TRUE(names.has_value()) << text << ": " << names.error().message;
  return names ? *names : Names();
}

TEST(ClassNamesTest, ReadsPythonAndJsonLiterals) {
  EXPECT_EQ(read(R"({1: "don't", 0: 'a, b', 2: 'it\'s'})"), (Names{"a, b", "don't", "it's"}));
  EXPECT_EQ(read(R"(["x", "y"])"), (Names{"x", "y"}));
  EXPECT_EQ(read(R"({"0": "x"})"), (Names{"x"}));
  EXPECT_EQ(read(R"((u'x', r'\n', b'y',))"), (Names{"x", "\\n", "y"}));
}

TEST(ClassNamesTest, ReadsTheEscapesOfBoth) {
  EXPECT_EQ(read(R"(['\xe9\u00e9', '\ud83d\ude00', '\U0001F600', '\101\n\t\\\/\'\"'])"),
            (Names{"éé", "😀", "😀", "A\n\t\\/'\""}));
  EXPECT_EQ(read(R"(['\d', '\ud83d', '\0'])"), (Names{"\\d", "\xEF\xBF\xBD", "\xEF\xBF\xBD"}));
}

TEST(ClassNamesTest, NumbersAndBareWordsAreNames) {
  EXPECT_EQ(read("{0: 10, 1: -2.5, 2: red light}"), (Names{"10", "-2.5", "red light"}));
  EXPECT_EQ(read("{'b': 1, 'a': 0}"), (Names{"a", "b"}));
  EXPECT_EQ(read("{2: 'b', 1: 'a'}"), (Names{"a", "b"}));
}

TEST(ClassNamesTest, PlainTextIsAListOfNames) {
  EXPECT_EQ(read("a\nb c\r\n\n"), (Names{"a", "b c"}));
  EXPECT_EQ(read(" a, b ,c"), (Names{"a", "b", "c"}));
  EXPECT_EQ(read("1: a\n2: b"), (Names{"a", "b"}));
  EXPECT_EQ(read("- a: b\n- \"c\""), (Names{"a: b", "c"}));
  EXPECT_FALSE(is_names_literal("a, b"));
  EXPECT_TRUE(is_names_literal(" {0: 'a'}"));
}

TEST(ClassNamesTest, WhatIsNotUtf8IsReplaced) {
  EXPECT_EQ(read("['caf\xE9', '\xC3\xA9']"), (Names{"caf\xEF\xBF\xBD", "é"}));
  EXPECT_EQ(read("caf\xE9,b"), (Names{"caf\xEF\xBF\xBD", "b"}));
}

TEST(ClassNamesTest, RefusesDamageWithAPlace) {
  for (const char* text : {"", " ", "{", "{0: 'a'", "{0: 'a' 1: 'b'}", "{0: 'a', 2: 'c'}",
                           "['a'] x", "{99999999999: 'a'}", "{0: 'a', 0: 'b'}", "{2: 'a'}", "['a",
                           "{'a': 'b'}", "[[1], 2]", R"(['\x4'])", R"(['\u12'])",
                           R"(['\N{BULLET}'])", "a,,b"}) {
    const auto names = parse_class_names(text);
    ASSERT_FALSE(names.has_value()) << text;
    EXPECT_EQ(names.error().code, ErrorCode::kCorruptInput);
    EXPECT_TRUE(names.error().message.starts_with("class names: ")) << names.error().message;
  }
}

// As Python's repr and json.dumps write them, all but letters and digits escaped.
std::string written(const std::vector<std::u32string>& names, bool json) {
  std::string text = "{";
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += i == 0 ? "" : ", ";
    text += json ? fmt::format(R"("{}": ")", i) : fmt::format("{}: '", i);
    for (const char32_t c : names[i]) {
      const auto code = static_cast<std::uint32_t>(c);
      if (json && code > 0xFFFF) {
        const std::uint32_t above = code - 0x10000;
        text += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (above >> 10U),
                            0xDC00 + (above & 0x3FFU));
      } else if (json) {
        text += fmt::format("\\u{:04x}", code);
      } else if (code < 0x100) {
        text += fmt::format("\\x{:02x}", code);
      } else {
        text += fmt::format("\\U{:08x}", code);
      }
    }
    text += json ? '"' : '\'';
  }
  return text + "}";
}

TEST(ClassNamesTest, EveryCharacterComesBackFromBothLanguages) {
  std::mt19937 random(5);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::u32string> names(1 + random() % 20);
    for (auto& name : names) {
      for (std::size_t k = random() % 6; k > 0; --k) {
        const auto code =
            static_cast<std::uint32_t>(1 + random() % (random() % 2 == 0 ? 0x80 : 0x10FFFF));
        name.push_back(code >= 0xD800 && code < 0xE000 ? U'x' : static_cast<char32_t>(code));
      }
    }
    const Names python = read(written(names, false));
    EXPECT_EQ(python, read(written(names, true)));
    ASSERT_EQ(python.size(), names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      std::size_t bytes = 0;
      for (const char32_t c : names[i]) bytes += c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
      EXPECT_EQ(python[i].size(), bytes);
    }
  }
}

TEST(ClassNamesTest, CocoHasEightyNames) {
  EXPECT_EQ(coco_names().size(), 80U);
  EXPECT_EQ(coco_names()[5], "bus");
  EXPECT_EQ(coco_names()[79], "toothbrush");
}

}  // namespace
}  // namespace shoal
