#include "core/toml_limits.h"

#include <gtest/gtest.h>

#include <string>

namespace shoal {
namespace {

std::string dotted(int parts) {
  std::string key = "a";
  for (int i = 1; i < parts; ++i) key += ".a";
  return key;
}

bool passes(const std::string& text) { return check_toml_limits(text).has_value(); }

TEST(TomlLimitsTest, DeepKeysAreRefusedWhereverTheyStand) {
  const std::string deep = dotted(100'000);
  EXPECT_FALSE(passes(deep + " = 1"));
  EXPECT_FALSE(passes("[" + deep + "]\n"));
  EXPECT_FALSE(passes("[[" + deep + "]]\n"));
  EXPECT_FALSE(passes("x = { " + deep + " = 1 }"));
  EXPECT_FALSE(passes("s = \"closed\"\n" + deep + " = 1"));
  EXPECT_FALSE(passes("# a comment's \"quote\n" + deep + " = 1"));
  EXPECT_FALSE(passes("s = \"not closed\n" + deep + " = 1"));
  EXPECT_FALSE(passes("s = '''\nblock'''''\n" + deep + " = 1"));
  EXPECT_FALSE(passes("s = \"\"\"a\\\"\"\"\"\n" + deep + " = 1"));
  EXPECT_FALSE(passes("s = 'C:\\'\n" + deep + " = 1"));
  EXPECT_FALSE(passes("s = \"\"\n" + deep + " = 1"));
  std::string quoted = "'a'";
  for (int i = 0; i < 1000; ++i) quoted += " . \"a\"";
  EXPECT_FALSE(passes(quoted + " = 1"));
}

TEST(TomlLimitsTest, TheMessageNamesTheLine) {
  const auto checked = check_toml_limits("a = 1\nb = '''\n\n'''\n" + dotted(20) + " = 1");
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().message.find("line 5: "), 0U) << checked.error().message;
}

TEST(TomlLimitsTest, OrdinaryFilesPass) {
  EXPECT_TRUE(passes(dotted(16) + " = 1"));
  EXPECT_TRUE(passes("mean = [0.485, 0.456, 0.406, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, "
                     "1.5, 2.5, 3.5, 4.5, 5.5, 6.5]"));
  EXPECT_TRUE(passes("url = \"http://a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s/t.u.v\"\n"));
  EXPECT_TRUE(passes("# a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v\nx = 1\n"));
  EXPECT_TRUE(passes("s = '''\n.................................................\n'''\n"));
}

}  // namespace
}  // namespace shoal
