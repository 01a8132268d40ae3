#include "base/memory.h"
#include "base/table.h"
#include "tap.h"

#include <stdio.h>
#include <string.h>

enum { MANY = 5000 };

static void table_finds_each_of_many_names_and_no_other(void **state)
{
    static char names[MANY][32];
    struct table table = {0};
    struct error err;
    (void)state;
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof(names[i]), "stage%d", i);
        assert_int_equal(table_set(&table, names[i], strlen(names[i]), names[i], &err), 0);
    }
    assert_int_equal(table.count, MANY);
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(table_find(&table, names[i], strlen(names[i])), names[i]);
    assert_null(table_find(&table, "stage", 5));
    assert_null(table_find(&table, "stage5000", 9));
    assert_ptr_equal(table_find(&table, "stage12 and more", 7), names[12]);
    table_release(&table);
    assert_null(table_find(&table, "stage1", 6));
}

static void table_replaces_the_value_of_a_name(void **state)
{
    struct table table = {0};
    struct error err;
    int one = 1, two = 2;
    (void)state;
    assert_int_equal(table_set(&table, "a", 1, &one, &err), 0);
    assert_int_equal(table_set(&table, "a", 1, &two, &err), 0);
    assert_int_equal(table.count, 1);
    assert_ptr_equal(table_find(&table, "a", 1), &two);
    table_release(&table);
}

static void table_has_room_for_what_was_reserved(void **state)
{
    static char names[MANY][32];
    struct table table = {0};
    struct error err;
    (void)state;
    assert_int_equal(table_reserve(&table, MANY, &err), 0);
    struct table_slot *slots = table.slots;
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof(names[i]), "stage%d", i);
        assert_int_equal(table_set(&table, names[i], strlen(names[i]), names[i], &err), 0);
    }
    assert_ptr_equal(table.slots, slots);
    assert_int_equal(table_reserve(&table, 10, &err), 0);
    assert_ptr_equal(table.slots, slots);
    table_release(&table);
}

static void table_survives_a_failed_allocation(void **state)
{
    struct table table = {0};
    struct error err;
    int one = 1;
    (void)state;
    memory_fail_after(1);
    assert_int_equal(table_set(&table, "a", 1, &one, &err), -1);
    assert_int_equal(err.kind, ERR_MEMORY);
    assert_int_equal(memory_fail_after(0), 1);
    assert_null(table_find(&table, "a", 1));
    assert_int_equal(table_set(&table, "a", 1, &one, &err), 0);
    table_release(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_finds_each_of_many_names_and_no_other),
        cmocka_unit_test(table_replaces_the_value_of_a_name),
        cmocka_unit_test(table_has_room_for_what_was_reserved),
        cmocka_unit_test(table_survives_a_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
