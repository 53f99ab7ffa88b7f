// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <sys/capability.h>
#include <unistd.h>

#include "privilege.h"

/* CAP_SYS_ADMIN stands for both, as it did before they were split off. */
static bool has_cap(cap_value_t cap)
{
	cap_t caps = cap_get_proc();
	cap_flag_value_t one = CAP_CLEAR, admin = CAP_CLEAR;

	if (caps) {
		cap_get_flag(caps, cap, CAP_EFFECTIVE, &one);
		cap_get_flag(caps, CAP_SYS_ADMIN, CAP_EFFECTIVE, &admin);
		cap_free(caps);
	}
	return one == CAP_SET || admin == CAP_SET;
}

bool may_load(void)
{
	return has_cap(CAP_BPF);
}

bool may_trace(void)
{
	return has_cap(CAP_PERFMON);
}

/* The rights of a user namespace are enough to open it, but not to read it. */
static bool stack_is_refused(void)
{
	int fd = open("/proc/self/stack", O_RDONLY | O_CLOEXEC);
	char c;
	bool refused = (fd < 0 || read(fd, &c, 1) < 0) && (errno == EACCES || errno == EPERM);

	if (fd >= 0)
		close(fd);
	return refused;
}

/* Here CAP_SYS_ADMIN does not stand for the other. */
bool may_see_stacks(void)
{
	cap_t caps = cap_get_proc();
	cap_flag_value_t ptrace = CAP_CLEAR;

	if (caps) {
		cap_get_flag(caps, CAP_SYS_PTRACE, CAP_EFFECTIVE, &ptrace);
		cap_free(caps);
	}
	return ptrace == CAP_SET && has_cap(CAP_SYS_ADMIN) && !stack_is_refused();
}
