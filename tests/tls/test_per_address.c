// SPDX-License-Identifier: Apache-2.0
#include "tls/per_address.h"

#include <arpa/inet.h>
#include <string.h>

#include "check.h"

static uint64_t key(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return wf_per_address_key((struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return wf_per_address_key((struct sockaddr *)&v6);
}

static void who_is_one_client(void **state)
{
    (void)state;
    assert_true(key("192.0.2.1") != key("192.0.2.2"));
    assert_true(key("192.0.2.1") == key("::ffff:192.0.2.1"));
    assert_true(key("2001:db8:1:2::1") == key("2001:db8:1:2:ffff::9"));
    assert_true(key("2001:db8:1:2::1") != key("2001:db8:1:3::1"));
    assert_true(key("::1") != key("0.0.0.0"));
}

static void one_address_fills_up_and_others_do_not(void **state)
{
    struct wf_per_address *p = wf_per_address_new(3);
    (void)state;
    assert_non_null(p);
    for (int i = 0; i < 3; i++)
        assert_true(wf_per_address_enter(p, key("192.0.2.1")));
    assert_false(wf_per_address_enter(p, key("192.0.2.1")));
    assert_true(wf_per_address_enter(p, key("192.0.2.2")));
    wf_per_address_leave(p, key("192.0.2.1"));
    assert_true(wf_per_address_enter(p, key("192.0.2.1")));
    assert_false(wf_per_address_enter(p, key("192.0.2.1")));
    for (int i = 0; i < 3; i++)
        wf_per_address_leave(p, key("192.0.2.1"));
    wf_per_address_leave(p, key("192.0.2.2"));
    wf_per_address_free(p);
}

static void many_addresses_come_and_go(void **state)
{
    enum { MANY = 20000 };
    struct wf_per_address *p = wf_per_address_new(1);
    (void)state;
    assert_non_null(p);
    for (uint64_t i = 0; i < MANY; i++)
        assert_true(wf_per_address_enter(p, i << 32));
    for (uint64_t i = 0; i < MANY; i++)
        assert_false(wf_per_address_enter(p, i << 32));
    for (uint64_t i = 0; i < MANY; i++)
        wf_per_address_leave(p, i << 32);
    wf_per_address_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_one_client),
        cmocka_unit_test(one_address_fills_up_and_others_do_not),
        cmocka_unit_test(many_addresses_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
