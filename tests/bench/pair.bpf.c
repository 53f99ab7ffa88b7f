// SPDX-License-Identifier: GPL-2.0-only
/*
 * The programs of a BEGIN on the events of one system call of one process, so that
 * their cost can be measured on any kernel; and two that do nothing, for the least that
 * two programs can cost. The file is the working directory of the process.
 */
#include "../../bpf/fuseiomap.bpf.c"

#define SYS_GETPPID	110

struct dentry___bench {
	struct inode *d_inode;
} __attribute__((preserve_access_index));

struct path___bench {
	struct dentry___bench *dentry;
} __attribute__((preserve_access_index));

struct fs_struct {
	struct path___bench pwd;
} __attribute__((preserve_access_index));

struct task_struct___bench {
	struct fs_struct *fs;
} __attribute__((preserve_access_index));

extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym;

/* Set by user space before loading. */
const volatile __u32 bench_pid;

__u64 bench_task;
__u64 bench_inode;
struct fuse_iomap_begin_out bench_answer;

/* What is not of fuseiomap is to cost little: it is measured, too. */
static __always_inline bool is_its_task(void)
{
	return bpf_get_current_task() == bench_task;
}

static __always_inline const struct inode *its_inode(void)
{
	return bpf_rdonly_cast((void *)bench_inode, bpf_core_type_id_kernel(struct inode));
}

/* Before anything is measured. */
SEC("tp_btf/sys_enter")
int BPF_PROG(bench_prepare, void *regs, long id)
{
	struct task_struct___bench *task = (void *)bpf_get_current_task();

	if (id != SYS_GETPPID || bpf_get_current_pid_tgid() >> 32 != bench_pid)
		return 0;
	bench_task = (__u64)task;
	bench_inode = (__u64)BPF_CORE_READ(task, fs, pwd.dentry, d_inode);
	return 0;
}

/* What a program may be made of, by itself; each takes the place of an empty one. */
#define BENCH_PART(name, event, work)						\
	SEC("tp_btf/sys_" #event)						\
	int BPF_PROG(bench_##name, void *regs, long number)			\
	{									\
		return work;							\
	}

static __always_inline int stop_preemption(void)
{
	lock_cpu();
	unlock_cpu();
	return 0;
}

static __always_inline int find_cell(void)
{
	struct fi_cell_key key = { .kind = FI_BEGIN, .type = FI_TYPE_BAD };

	return !!bpf_map_lookup_elem(&cells, &key);
}

BENCH_PART(empty_enter, enter, 0)
BENCH_PART(empty_exit, exit, 0)
BENCH_PART(empty_enter_again, enter, 0)
BENCH_PART(empty_exit_again, exit, 0)
BENCH_PART(clock, exit, bpf_ktime_get_ns())
BENCH_PART(storage, exit, !!task_stack(BPF_LOCAL_STORAGE_GET_F_CREATE))
BENCH_PART(preemption, exit, stop_preemption())
BENCH_PART(cell, exit, find_cell())

SEC("tp_btf/sys_enter")
int BPF_PROG(bench_begin, void *regs, long id)
{
	if (id == SYS_GETPPID && is_its_task())
		FIRST(MARK_BEGIN, on_begin(st, its_inode(), 0, 4096, 0));
	return 0;
}

SECOND(bench_begin, sys_enter, ctx[1] == SYS_GETPPID && is_its_task() && was_skipped(MARK_BEGIN))

/* The exit does not tell which call it is of: the process makes no other meanwhile. */
SEC("tp_btf/sys_exit")
int BPF_PROG(bench_done, void *regs, long ret)
{
	if (enabled && is_its_task())
		FIRST(MARK_BEGIN_DONE, on_begin_done(ctx, st, its_inode(), 0, 4096, 0,
						     &bench_answer, 0));
	return 0;
}

SECOND(bench_done, sys_exit, enabled && is_its_task() && was_skipped(MARK_BEGIN_DONE))
