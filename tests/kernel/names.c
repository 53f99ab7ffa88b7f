// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can be seen of names in a directory.
 *
 *   names readdir DIR N	make N files; each that a listing shows moves away and back
 *   names long DIR		names of 255 bytes are names, and longer ones are refused
 *
 * Exit status: 0, 1 something else was seen, 2 usage.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONGEST 255

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "names: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Listings */

static void make_files(unsigned int n)
{
	char name[16];
	int fd;

	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%u", i);
		fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);
		if (fd < 0)
			die(name);
		close(fd);
	}
}

static void move_away_and_back(const char *name)
{
	char away[32];

	snprintf(away, sizeof(away), "away-%.16s", name);
	if (rename(name, away) || rename(away, name))
		die(name);
}

/*
 * List the directory up to its end, and count how often each name is there. Returns
 * how many entries there were; gives up at twice as many as there can be.
 */
static unsigned int list(DIR *dir, unsigned int n, bool move, unsigned char *seen)
{
	unsigned int entries = 0;
	struct dirent *entry;

	memset(seen, 0, n);
	while (entries < 2 * n && (entry = readdir(dir))) {
		if (*entry->d_name == '.')
			continue;
		entries++;
		if (*entry->d_name != 'a' && strtoul(entry->d_name, NULL, 10) < n)
			seen[strtoul(entry->d_name, NULL, 10)]++;
		if (move)
			move_away_and_back(entry->d_name);
	}
	return entries;
}

static bool all_once(const unsigned char *seen, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (seen[i] != 1) {
			printf("file %u was listed %u times\n", i, seen[i]);
			return false;
		}
	return true;
}

static bool check_listing(unsigned int n)
{
	unsigned char *seen = malloc(n);
	DIR *dir = opendir(".");
	unsigned int entries;

	if (!dir || !seen)
		die("opendir");
	make_files(n);
	rewinddir(dir);	/* the files were made after it was opened */
	entries = list(dir, n, true, seen);
	printf("%u files, %u entries while each was renamed\n", n, entries);
	if (entries != n || !all_once(seen, n))
		return false;
	/* Rewound, it shows what the renames have left. */
	rewinddir(dir);
	entries = list(dir, n, false, seen);
	printf("%u entries afterwards\n", entries);
	closedir(dir);
	return entries == n && all_once(seen, n);
}

/* Long names */

static char longest[LONGEST + 1], longer[LONGEST + 2];

static int try_stat(const char *name) { struct stat st; return lstat(name, &st); }
static int try_create(const char *name) { return open(name, O_CREAT | O_WRONLY, 0600); }
static int try_open(const char *name) { return open(name, O_RDONLY); }
static int try_mkdir(const char *name) { return mkdir(name, 0700); }
static int try_mknod(const char *name) { return mknod(name, S_IFIFO | 0600, 0); }
static int try_symlink(const char *name) { return symlink("target", name); }
static int try_link(const char *name) { return link("file", name); }
static int try_link_from(const char *name) { return link(name, "file2"); }
static int try_rename(const char *name) { return rename("file", name); }
static int try_rename_from(const char *name) { return rename(name, "file2"); }
static int try_unlink(const char *name) { return unlink(name); }
static int try_rmdir(const char *name) { return rmdir(name); }

static const struct {
	const char *what;
	int (*run)(const char *name);
} tries[] = {
	{ "stat", try_stat },
	{ "create", try_create },
	{ "open", try_open },
	{ "mkdir", try_mkdir },
	{ "mknod", try_mknod },
	{ "symlink", try_symlink },
	{ "link to", try_link },
	{ "link from", try_link_from },
	{ "rename to", try_rename },
	{ "rename from", try_rename_from },
	{ "unlink", try_unlink },
	{ "rmdir", try_rmdir },
	{ "stat again", try_stat },
};

static bool is_refused(void)
{
	bool ok = true;

	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		int ret = tries[i].run(longer);

		if (ret < 0 && errno == ENAMETOOLONG)
			continue;
		printf("%s of a name of %d bytes: %s\n", tries[i].what, LONGEST + 1,
		       ret < 0 ? strerrorname_np(errno) : "no error");
		ok = false;
	}
	return ok;
}

static bool check_long(void)
{
	int fd = open("file", O_CREAT | O_WRONLY, 0600);

	if (fd < 0)
		die("file");
	close(fd);
	memset(longest, 'n', LONGEST);
	memset(longer, 'n', LONGEST + 1);
	if (rename("file", longest) || try_stat(longest) || link(longest, "file") ||
	    unlink(longest) || symlink("target", longest) || unlink(longest) ||
	    mkdir(longest, 0700) || rmdir(longest))
		die("a name of 255 bytes");
	return is_refused();
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	setlinebuf(stdout);
	if (argc > 2 && chdir(argv[2]))
		die(argv[2]);
	if (!strcmp(command, "readdir") && argc == 4 && atoi(argv[3]) > 0)
		return !check_listing(atoi(argv[3]));
	if (!strcmp(command, "long") && argc == 3)
		return !check_long();
	fputs("usage: names readdir DIR N | names long DIR\n", stderr);
	return 2;
}
