// Goal: the limits of control groups are read as the kernel writes them, in both versions, nested,
// with and without name spaces. Method: trees of files as they lie on real machines.
#include "telemetry/container_limits.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "telemetry/process.h"

namespace shoal {
namespace {

constexpr std::int64_t kMiB = 1 << 20;

class Tree {
 public:
  Tree() : root_(std::filesystem::path(testing::TempDir()) / name()) {
    std::filesystem::remove_all(root_);
  }
  ~Tree() { std::filesystem::remove_all(root_); }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = root_.string() + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  [[nodiscard]] ContainerLimits limits() const { return container_limits(root_.string()); }

 private:
  static std::string name() {
    return std::string("shoal_cgroup_") +
           testing::UnitTest::GetInstance()->current_test_info()->name();
  }
  const std::filesystem::path root_;
};

constexpr const char* kV2Mount =
    "24 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
    "31 24 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

TEST(ContainerLimitsTest, V2OfAContainerWithItsOwnNameSpace) {
  const Tree tree;
  tree.write("/proc/self/mountinfo", kV2Mount);
  tree.write("/proc/self/cgroup", "0::/\n");
  tree.write("/sys/fs/cgroup/memory.max", "536870912\n");
  tree.write("/sys/fs/cgroup/memory.high", "max\n");
  tree.write("/sys/fs/cgroup/cpu.max", "150000 100000\n");
  const ContainerLimits limits = tree.limits();
  EXPECT_EQ(limits.memory_bytes, 512 * kMiB);
  EXPECT_EQ(limits.memory_file, "/sys/fs/cgroup/memory.max");
  EXPECT_DOUBLE_EQ(limits.cpus, 1.5);
  EXPECT_EQ(limits.cpu_file, "/sys/fs/cgroup/cpu.max");
}

TEST(ContainerLimitsTest, TheSmallestLimitAboveANestedGroupCounts) {
  const Tree tree;
  tree.write("/proc/self/mountinfo", kV2Mount);
  tree.write("/proc/self/cgroup", "0::/system.slice/shoal.service/inner\n");
  tree.write("/sys/fs/cgroup/system.slice/memory.max", "1073741824\n");
  tree.write("/sys/fs/cgroup/system.slice/cpu.max", "50000 100000\n");
  tree.write("/sys/fs/cgroup/system.slice/shoal.service/memory.max", "max\n");
  tree.write("/sys/fs/cgroup/system.slice/shoal.service/memory.high", "805306368\n");
  tree.write("/sys/fs/cgroup/system.slice/shoal.service/cpu.max", "400000 100000\n");
  tree.write("/sys/fs/cgroup/system.slice/shoal.service/inner/memory.max", "2147483648\n");
  tree.write("/sys/fs/cgroup/system.slice/shoal.service/inner/cpu.max", "max 100000\n");
  tree.write("/sys/fs/cgroup/other.slice/memory.max", "1048576\n");  // not above us
  const ContainerLimits limits = tree.limits();
  EXPECT_EQ(limits.memory_bytes, 768 * kMiB);
  EXPECT_EQ(limits.memory_file, "/sys/fs/cgroup/system.slice/shoal.service/memory.high");
  EXPECT_DOUBLE_EQ(limits.cpus, 0.5);
  EXPECT_EQ(limits.cpu_file, "/sys/fs/cgroup/system.slice/cpu.max");
}

TEST(ContainerLimitsTest, V1OfAContainerThatSeesOnlyItsOwnGroup) {
  const Tree tree;
  // As Docker mounts it without a name space: the group of the host's path lies at the mount.
  tree.write("/proc/self/mountinfo",
             "40 32 0:29 /docker/1f2e /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
             "41 32 0:30 /docker/1f2e /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup "
             "rw,cpu,cpuacct\n");
  tree.write("/proc/self/cgroup",
             "5:cpuset:/docker/1f2e\n4:memory:/docker/1f2e\n3:cpu,cpuacct:/docker/1f2e\n");
  tree.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n");
  tree.write("/sys/fs/cgroup/memory/memory.stat",
             "cache 4096\nrss 8192\nhierarchical_memory_limit 268435456\n"
             "hierarchical_memsw_limit 9223372036854771712\n");
  tree.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "250000\n");
  tree.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  const ContainerLimits limits = tree.limits();
  EXPECT_EQ(limits.memory_bytes, 256 * kMiB) << "a group above, which cannot be seen, is smaller";
  EXPECT_EQ(limits.memory_file, "/sys/fs/cgroup/memory/memory.stat");
  EXPECT_DOUBLE_EQ(limits.cpus, 2.5);
}

TEST(ContainerLimitsTest, V1NestedGroupsUnderAFullMount) {
  const Tree tree;
  tree.write("/proc/self/mountinfo",
             "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
             "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
  tree.write("/proc/self/cgroup", "4:memory:/a/b\n1:cpu:/a\n");
  tree.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  tree.write("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "314572800\n");
  tree.write("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
  tree.write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  tree.write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  tree.write("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "20000\n");
  tree.write("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(tree.limits().memory_bytes, 300 * kMiB);
  EXPECT_DOUBLE_EQ(tree.limits().cpus, 0.2);
}

TEST(ContainerLimitsTest, BothVersionsSideBySide) {
  const Tree tree;
  tree.write("/proc/self/mountinfo",
             "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
             "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  tree.write("/proc/self/cgroup", "4:memory:/job\n0::/init.scope\n");
  tree.write("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1073741824\n");
  tree.write("/sys/fs/cgroup/unified/init.scope/cpu.max", "100000 100000\n");
  tree.write("/sys/fs/cgroup/unified/init.scope/memory.max", "max\n");
  EXPECT_EQ(tree.limits().memory_bytes, 1024 * kMiB);
  EXPECT_DOUBLE_EQ(tree.limits().cpus, 1);
}

TEST(ContainerLimitsTest, AGroupOutsideOfTheNameSpaceIsLookedUpAtTheMount) {
  const Tree tree;
  tree.write("/proc/self/mountinfo", kV2Mount);
  tree.write("/proc/self/cgroup", "0::/../../outside\n");
  tree.write("/sys/fs/cgroup/memory.max", "104857600\n");
  EXPECT_EQ(tree.limits().memory_bytes, 100 * kMiB);
}

TEST(ContainerLimitsTest, AMountPointWithABlankIsFound) {
  const Tree tree;
  tree.write("/proc/self/mountinfo", "31 24 0:27 / /my\\040groups rw - cgroup2 cgroup2 rw\n");
  tree.write("/proc/self/cgroup", "0::/x\n");
  tree.write("/my groups/x/memory.max", "1048576\n");
  EXPECT_EQ(tree.limits().memory_bytes, kMiB);
}

TEST(ContainerLimitsTest, WhatIsMissingOrNonsenseIsNoLimit) {
  const Tree nothing;
  EXPECT_EQ(nothing.limits().memory_bytes, 0);
  EXPECT_EQ(nothing.limits().cpus, 0);

  nothing.write("/proc/self/mountinfo",
                std::string(kV2Mount) + "broken line\n1 2 - cgroup2\n - \n");
  nothing.write("/proc/self/cgroup", "0\n::\nnonsense\n0::/a//b/\n");
  nothing.write("/sys/fs/cgroup/memory.max", "many\n");
  nothing.write("/sys/fs/cgroup/cpu.max", "100000 0\n");
  nothing.write("/sys/fs/cgroup/a/memory.max", "-5\n");
  nothing.write("/sys/fs/cgroup/a/cpu.max", "-1 100000\n");
  EXPECT_EQ(nothing.limits().memory_bytes, 0);
  EXPECT_EQ(nothing.limits().cpus, 0);
}

TEST(CoresTest, AQuotaNarrowsTheMaskAndNeverBelowOne) {
  EXPECT_EQ(cores_of(8, 0), 8);
  EXPECT_EQ(cores_of(8, 0.2), 1);
  EXPECT_EQ(cores_of(8, 1.5), 2) << "a part of a core runs a thread";
  EXPECT_EQ(cores_of(8, 2), 2);
  EXPECT_EQ(cores_of(2, 64), 2);
  EXPECT_EQ(cores_of(2, 1e300), 2);
  EXPECT_EQ(cores_of(0, 0), 1);
}

TEST(CoresTest, DecodeThreadsFollowTheCores) {
  EXPECT_EQ(decode_thread_count(1), 1);
  EXPECT_EQ(decode_thread_count(2), 2);
  EXPECT_EQ(decode_thread_count(8), 2);
  EXPECT_EQ(decode_thread_count(16), 4);
  EXPECT_EQ(decode_thread_count(0), 1);
}

}  // namespace
}  // namespace shoal
