#include "core/url_secrets.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace shoal {
namespace {

TEST(UrlSecretsTest, NoSecretOfAUrlIsShown) {
  const std::vector<std::string> urls = {
      "rtsp://admin:geheim@10.0.0.5/1",
      "rtsp://admin:ge/geheim@10.0.0.5/1",
      "rtsp://admin:geheim?geheim#geheim@10.0.0.5/1",
      "rtsp://admin:12/geheim@10.0.0.5/1",
      "rtsp://admin:@geheim@10.0.0.5:554/1",
      "rtsp://admin:(geheim)'geheim\"geheim@10.0.0.5:554/1",
      "http://10.0.0.5/cgi?token=geheim",
      "http://10.0.0.5/cgi?TOKEN=geheim&user=geheim&pwd=geheim",
      "http://10.0.0.5/cgi?loginuse=geheim&loginpas=geheim&p=geheim&u=geheim",
      "http://10.0.0.5/cgi?sig=geheim;signature=geheim;sid=geheim",
      "http://10.0.0.5/cgi?channel=geheim/geheim",
      "http://10.0.0.5/cgi?channel=1#geheim",
      "http://10.0.0.5/cgi?%74oken=geheim",
      "http://10.0.0.5/cgi?geheim",
      "http://10.0.0.5/cgi?a=1?token=geheim",
      "rtsp://10.0.0.5/user=geheim&password=geheim&channel=1&stream=0.sdp",
      "rtsp://10.0.0.5/user=admin_password=geheim_channel=1_stream=0.sdp",
      "https://hooks.example:8443/h?token=geheim",
      "mqtt://user:geheim@broker"};
  for (const std::string& url : urls) {
    const std::string shown = without_secrets(url);
    EXPECT_EQ(shown.find("geheim"), std::string::npos) << url << " -> " << shown;
    EXPECT_NE(shown.find("***"), std::string::npos) << url;
    EXPECT_EQ(without_secrets(shown), shown);
    EXPECT_TRUE(has_hidden_secrets(shown)) << shown;
    const std::string text = text_without_secrets("failed: '" + url + "': no answer");
    EXPECT_EQ(text.find("geheim"), std::string::npos) << text;
  }
}

TEST(UrlSecretsTest, WhatSaysWhichPictureIsWantedStays) {
  for (const std::string url :
       {"rtsp://10.0.0.5:554/cam/realmonitor?channel=1&subtype=0", "rtsp://10.0.0.5/1?tcp",
        "http://10.0.0.5/axis-cgi/mjpg/video.cgi?resolution=640x480&fps=10&compression=30",
        "synthetic:pcb?size=16x16&fps=25", "v4l2:/dev/video0?size=640x480", "file:a?b=c.mp4",
        "/srv/a?b=c.mp4", "http://[fe80::1]:80/a", "rtsp://admin@10.0.0.5/1"}) {
    EXPECT_EQ(without_secrets(url), url);
    EXPECT_FALSE(has_hidden_secrets(url));
  }
  EXPECT_EQ(without_secrets("rtsp://admin:x@10.0.0.5/1?channel=2&token=x"),
            "rtsp://admin:***@10.0.0.5/1?channel=2&token=***");
}

TEST(UrlSecretsTest, TextsKeepWhatIsNoUrl) {
  EXPECT_EQ(text_without_secrets("what? a = b, really?"), "what? a = b, really?");
  EXPECT_EQ(text_without_secrets("Failed to open part.ts?token=geheim: 403"),
            "Failed to open part.ts?token=***: 403");
  EXPECT_EQ(text_without_secrets("rtsp://h/1?token=geheim: refused"),
            "rtsp://h/1?token=***: refused");
}

TEST(UrlSecretsTest, AShownUrlThatComesBackHasItsSecretsAgain) {
  const std::string known = "rtsp://admin:geheim@10.0.0.5/1?channel=2&token=t0p";
  EXPECT_EQ(with_secrets_of(without_secrets(known), known), known);
  EXPECT_EQ(with_secrets_of("rtsp://admin:***@10.0.0.5/2?channel=3&token=***", known),
            "rtsp://admin:geheim@10.0.0.5/2?channel=3&token=t0p");
  // Never for another server, user or scheme: they would be told to somebody else.
  for (const std::string other :
       {"rtsp://admin:***@10.0.0.6/1", "http://admin:***@10.0.0.5/1", "rtsp://root:***@10.0.0.5/1",
        "rtsp://admin:***@10.0.0.5:5554/1?token=***"}) {
    EXPECT_EQ(with_secrets_of(other, known), other);
    EXPECT_TRUE(has_hidden_secrets(other));
  }
}

}  // namespace
}  // namespace shoal
