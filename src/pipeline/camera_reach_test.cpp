#include "pipeline/camera_reach.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/fixtures_test.h"
#include "pipeline/site_config.h"

namespace shoal {
namespace {

const std::vector<std::string> kDefault = SiteConfig{}.allow_urls;

bool door(const std::string& url, const std::vector<std::string>& allowed = kDefault) {
  return check_reach_of_door(url, allowed).has_value();
}
bool any(const std::string& url, const std::vector<std::string>& allowed = kDefault) {
  return check_reach(url, allowed).has_value();
}

TEST(CameraReachTest, ADoorTakesStreamsAndMadePicturesButNoFiles) {
  for (const char* url : {"rtsp://10.0.0.5/1", "rtsps://cam:322/1", "rtmp://cam/live",
                          "http://admin:p@10.0.0.5:80/mjpg", "https://cam/x?listen=1",
                          "rtsp://[2001:db8::1]:554/1", "rtsp://127.0.0.1:8554/1",
                          "synthetic:pcb?size=64x64"}) {
    EXPECT_TRUE(door(url)) << url;
  }
  for (const char* url : {"/etc/passwd", "file:/srv/a.mp4", "file:///srv/a.mp4", "clip.mp4",
                          "/dev/video0", "v4l2:/dev/video0", "tcp://10.0.0.5:9000",
                          "udp://10.0.0.5:9000", "/home/*/*.jpg", "list.txt"}) {
    EXPECT_FALSE(door(url)) << url;
    EXPECT_TRUE(any(url)) << url;  // the configuration may name it
  }
}

TEST(CameraReachTest, NobodyListensOrReachesSpecialAddressesUnasked) {
  for (const char* url :
       {"tcp://0.0.0.0:18997?listen=1", "tcp://127.0.0.1:9000?listen", "rtsp://h/1?tcp&listen=1",
        "tcp://127.0.0.1:9000?timeout=1&listen=1", "udp://0.0.0.0:5000", "http://0.0.0.0/",
        "http://0/", "http://0x0/", "rtsp://[::]:554/1", "rtsp://[::0.0.0.0]/1",
        "http://169.254.169.254/latest", "http://169.254.169.254./latest", "http://2852039166/",
        "http://0xa9fea9fe/", "http://0251.0376.0251.0376/", "http://169.254.43518/",
        "http://[::ffff:169.254.169.254]/", "http://[::ffff:a9fe:a9fe]/", "http://[fe80::1]/",
        "http://[fe80::1%25eth0]/", "http://[FEBF::1]/", "http://[64:ff9b::a9fe:a9fe]/",
        "udp://239.1.1.1:5000", "udp://[ff02::1]:5000", "rtsp://224.0.0.1/1",
        "http://255.255.255.255/", "http://good/x:y@169.254.169.254/",
        "http://good:1/a@b@169.254.169.254:80/", "http://169.254.169.254:80:80/"}) {
    EXPECT_FALSE(any(url)) << url;
    EXPECT_FALSE(door(url)) << url;
  }
  const auto refused = check_reach("http://169.254.169.254/latest", kDefault);
  EXPECT_EQ(refused.error().message,
            "url: 169.254.169.254 is a link-local address; expected the address of a camera, or "
            "allow_urls = [\"http://169.254.169.254\"] in [site]");
}

TEST(CameraReachTest, WhatTheConfigurationNamesIsAllowed) {
  const std::vector<std::string> allowed{"udp://239.1.1.1:5000", "tcp://127.0.0.1:9000?listen",
                                         "rtsp://169.254.*", "rtsp://*"};
  EXPECT_TRUE(door("udp://239.1.1.1:5000", allowed));
  EXPECT_FALSE(door("udp://239.1.1.1:5001", allowed));
  EXPECT_TRUE(door("tcp://127.0.0.1:9000?listen=1", allowed));
  EXPECT_FALSE(door("tcp://127.0.0.2:9000?listen=1", allowed));
  EXPECT_TRUE(door("rtsp://169.254.3.4/1", allowed));
  EXPECT_FALSE(door("rtsp://239.0.0.1/1", allowed));  // * names no such address
  EXPECT_FALSE(door("http://cam/1", allowed));
  EXPECT_FALSE(door("synthetic:pcb", allowed));
}

TEST(CameraReachTest, HostsFitAsWholeNames) {
  const std::vector<std::string> allowed{"rtsp://10.0.0.*", "http://cam.example:8080"};
  EXPECT_TRUE(door("rtsp://u:p@10.0.0.7/1", allowed));
  EXPECT_FALSE(door("rtsp://10.0.0.7@10.9.9.9/1", allowed));
  EXPECT_FALSE(door("rtsp://10.9.9.9/10.0.0.7", allowed));
  EXPECT_TRUE(door("http://CAM.example:8080/x", allowed));
  EXPECT_FALSE(door("http://cam.example/x", allowed));
  EXPECT_FALSE(door("http://cam.example.evil:8080/x", allowed));
}

TEST(CameraReachTest, AFileIsWhereItsLinksLead) {
  const ScratchFolder folder;
  const std::string root = folder.file("videos");
  std::filesystem::create_directories(root + "/deep");
  std::filesystem::create_directories(folder.file("videos-private"));
  std::ofstream(root + "/a.mp4") << "x";
  std::ofstream(folder.file("secret.mp4")) << "x";
  std::filesystem::create_symlink(folder.file("secret.mp4"), root + "/link.mp4");
  std::filesystem::create_symlink("a.mp4", root + "/inside.mp4");
  const std::vector<std::string> allowed{root + "/"};
  EXPECT_TRUE(door(root + "/a.mp4", allowed));
  EXPECT_TRUE(door("file:" + root + "/a.mp4", allowed));
  EXPECT_TRUE(door("file://" + root + "/deep/not-there-yet.mp4", allowed));
  EXPECT_TRUE(door(root + "/inside.mp4", allowed));
  EXPECT_TRUE(door(root + "/*.mp4", allowed));
  EXPECT_FALSE(door(root + "/link.mp4", allowed));
  EXPECT_FALSE(door(root + "/../secret.mp4", allowed));
  EXPECT_FALSE(door(root + "/*/../../secret.mp4", allowed));
  EXPECT_FALSE(door(folder.file("videos-private/a.mp4"), allowed));
  EXPECT_FALSE(door(root + "/list.TXT", allowed));  // its lines could name anything
  EXPECT_TRUE(door(folder.file("secret.mp4"), {"file:*"}));
}

TEST(CameraReachTest, DevicesAreNamedByPattern) {
  EXPECT_TRUE(door("/dev/video0", {"/dev/video*"}));
  EXPECT_TRUE(door("v4l2:/dev/video1?size=640x480", {"/dev/video*"}));
  EXPECT_FALSE(door("/dev/video/../mem", {"/dev/video*"}));
  EXPECT_FALSE(door("/dev/video1", {"/dev/video0"}));
}

TEST(CameraReachTest, PatternsThatAreNoneAreSaid) {
  EXPECT_TRUE(check_allow_urls(kDefault));
  for (const char* pattern : {"", "*", "rtsp://", "rtsp", "ftp://*", "rtsp://h/path", "rtsp://u@h",
                              "file:", "synthetic:pcb", "http://h?x"}) {
    EXPECT_FALSE(check_allow_urls(std::vector<std::string>{pattern})) << pattern;
  }
}

}  // namespace
}  // namespace shoal
