// Goal: passwords of any character work where only one meaning makes sense, and never show.
#include "core/stream_url.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "core/url_secrets.h"

namespace shoal {
namespace {

TEST(StreamUrlTest, AUsualAddressIsReadAsTheStandardHasIt) {
  const StreamUrl url = split_stream_url("rtsp://admin:p%40ss@host.example:8554/a?b=c@d");
  EXPECT_EQ(url.scheme, "rtsp");
  EXPECT_EQ(url.login, "admin:p%40ss");
  EXPECT_EQ(url.place, "host.example:8554");
  EXPECT_EQ(url.rest, "/a?b=c@d");
  EXPECT_EQ(login_of(url).password, "p@ss");
  for (const char* text : {"http://host:8080/a@b:c", "http://h?user=a@b.c", "rtsp://[::1]:322/x@y",
                           "rtsp://10.0.0.5", "http://h/page#part"}) {
    EXPECT_FALSE(split_stream_url(text).has_login) << text;
    EXPECT_EQ(encoded_stream_url(text), text);
  }
}

TEST(StreamUrlTest, PasswordsOfAnyCharacterEndWhereAHostFollows) {
  for (const char* password :
       {"pa#ss", "#", "p#1/2?3", "a/b", "/", "?", "w?x", "p@ss", "@", "p@a#s", "a:b", "100%", "%",
        "100%sure", "%zz", "a b", "müßig", "[x]", "\"q\"", "a&b=c", "p//x", "\\", "^`{|}"}) {
    const std::string url = std::string("rtsp://admin:") + password + "@10.0.0.5:554/1?channel=1";
    const StreamUrl parts = split_stream_url(url);
    EXPECT_EQ(parts.place, "10.0.0.5:554") << url;
    EXPECT_EQ(parts.rest, "/1?channel=1") << url;
    EXPECT_FALSE(parts.ambiguous) << url;
    EXPECT_EQ(login_of(parts).user, "admin");
    EXPECT_EQ(login_of(parts).password, password);
    EXPECT_EQ(without_secrets(url), "rtsp://admin:***@10.0.0.5:554/1?channel=1");
    // What a library reads by the standard is the same.
    const std::string encoded = encoded_stream_url(url);
    EXPECT_EQ(encoded.find_first_of("# \"\\"), std::string::npos) << encoded;
    const StreamUrl again = split_stream_url(encoded);
    EXPECT_EQ(again.place, "10.0.0.5:554") << encoded;
    EXPECT_EQ(login_of(again).password, password) << encoded;
    EXPECT_EQ(encoded_stream_url(encoded), encoded);
  }
}

TEST(StreamUrlTest, WhatHasSeveralMeaningsIsSaidToAndDoesNotShow) {
  const std::string url = "rtsp://admin:a/b@c@10.0.0.5/x@y";
  EXPECT_TRUE(split_stream_url(url).ambiguous);
  EXPECT_EQ(without_secrets(url).find("b@c"), std::string::npos) << without_secrets(url);
  EXPECT_EQ(without_secrets("rtsp://u:pa#ss@h:99999/1"), "rtsp://u:***@h:99999/1");
  EXPECT_EQ(without_secrets("rtsp://u:pa/ss@:554/1"), "rtsp://u:***@:554/1");
}

TEST(StreamUrlTest, AnyTextIsSplitWithoutHarm) {
  std::mt19937 random(5);
  const std::string letters = "a1:/@#?%[]. ";
  for (int i = 0; i < 20'000; ++i) {
    std::string text = i % 2 == 0 ? "rtsp://" : "";
    for (auto n = random() % 24; n > 0; --n) text += letters[random() % letters.size()];
    const StreamUrl parts = split_stream_url(text);
    const std::string encoded = encoded_stream_url(text);
    EXPECT_EQ(encoded_stream_url(encoded), encoded) << text;
    EXPECT_EQ(split_stream_url(encoded).place, parts.place) << text;
  }
}

}  // namespace
}  // namespace shoal
