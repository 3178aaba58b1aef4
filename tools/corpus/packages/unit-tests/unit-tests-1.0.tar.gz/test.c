#include <check.h>

int add(int a, int b);

START_TEST(adds)
{
    ck_assert_int_eq(add(40, 2), 42);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("add");
    TCase *tests = tcase_create("add");
    tcase_add_test(tests, adds);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    return srunner_ntests_failed(runner);
}
