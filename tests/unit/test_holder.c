// SPDX-License-Identifier: GPL-2.0-only
/* Who has a device, from files like those in /proc; the device is /dev/null. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "holder.h"

#define SWAPS "Filename\tType\tSize\tUsed\tPriority\n"
#define ROOT "22 1 0:20 / / rw shared:1 - ext4 /dev/zero rw\n"

static void expect(const char *swaps, const char *mounts, const char *start)
{
	char names[2][32] = { "/tmp/swaps.XXXXXX", "/tmp/mounts.XXXXXX" };
	const char *const texts[2] = { swaps, mounts };
	char *text;

	for (int i = 0; i < 2; i++) {
		FILE *out = fdopen(mkstemp(names[i]), "w");

		assert_non_null(out);
		fputs(texts[i], out);
		fclose(out);
	}
	text = holder_describe("/dev/null", names[0], names[1]);
	remove(names[0]);
	remove(names[1]);
	assert_non_null(text);
	assert_memory_equal(text, start, strlen(start));
	free(text);
}

static void nobody_known(void **state)
{
	expect(SWAPS, ROOT, "somebody has it open exclusively");
	expect("", "", "somebody has it open exclusively");
	expect("x\n\n", "1 2 3 - - -\n - \n", "somebody has it open exclusively");
}

static void swap_space(void **state)
{
	expect(SWAPS "/dev/zero\tpartition\n/dev/null\tpartition\n", ROOT,
	       "is swap space; swapoff /dev/null first");
}

static void mounted_by_number(void **state)
{
	expect(SWAPS, ROOT "30 22 1:3 / /mnt rw - ext4 /dev/root rw\n",
	       "is mounted on /mnt; umount /mnt first");
}

static void mounted_by_the_name_of_its_source(void **state)
{
	expect(SWAPS, ROOT "30 22 0:41 / /mnt rw shared:9 master:1 - fuse.iomapfs /dev/null rw\n",
	       "is mounted on /mnt; umount /mnt first");
}

static void names_with_blanks(void **state)
{
	expect(SWAPS, "30 22 1:3 / /a\\040b\\134 rw - ext4 /dev/root rw\n",
	       "is mounted on /a b\\; umount /a b\\ first");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_known),
		cmocka_unit_test(swap_space),
		cmocka_unit_test(mounted_by_number),
		cmocka_unit_test(mounted_by_the_name_of_its_source),
		cmocka_unit_test(names_with_blanks),
	};

	return cmocka_run_group_tests_name("holder", tests, NULL, NULL);
}
