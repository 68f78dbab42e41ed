// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "google/protobuf/descriptor.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "rig.h"
#include "rpc/frame.h"

typedef Grpc__Reflection__V1__ServerReflectionRequest Request;
typedef Grpc__Reflection__V1__ServerReflectionResponse Response;

#define CASE(x) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##x
#define ASK(x)  GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##x

static const char *const versions[] = {"v1", "v1alpha"};

static struct wf_exchange *open_stream(struct rig *r, const char *version)
{
    char path[96];

    snprintf(path, sizeof path, "/grpc.reflection.%s.ServerReflection/ServerReflectionInfo",
             version);
    struct wf_exchange *ex = fake_new("POST", path, 20);
    fake_header(ex, "content-type", "application/grpc");
    assert_true(wf_rpc_server_begin(r->server, ex));
    return ex;
}

// The caller frees the answer.
static Response *ask(struct wf_exchange *ex, Request *q)
{
    struct wf_buf body = rig_frame(&q->base);

    q->host = (char *)"here";
    wf_buf_reset(&ex->body);
    fake_data(ex, body.data, body.len);
    wf_buf_free(&body);
    assert_true(ex->body.len > WF_FRAME_HEAD);
    Response *a = grpc__reflection__v1__server_reflection_response__unpack(
        NULL, ex->body.len - WF_FRAME_HEAD, ex->body.data + WF_FRAME_HEAD);
    assert_non_null(a);
    assert_int_equal(a->original_request->message_request_case, q->message_request_case);
    return a;
}

static void free_answer(Response *a)
{
    grpc__reflection__v1__server_reflection_response__free_unpacked(a, NULL);
}

static void services_are_listed(void **state)
{
    for (size_t v = 0; v < 2; v++) {
        Request q = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
        struct wf_exchange *ex = open_stream(*state, versions[v]);
        q.message_request_case = ASK(LIST_SERVICES);
        q.list_services = (char *)"";
        Response *a = ask(ex, &q);
        assert_int_equal(a->message_response_case, CASE(LIST_SERVICES_RESPONSE));
        assert_int_equal(a->list_services_response->n_service, 4);
        bool found = false;
        for (size_t i = 0; i < 4; i++)
            found |= strcmp(a->list_services_response->service[i]->name,
                            "watchfire.test.v1.TestService") == 0;
        assert_true(found);
        free_answer(a);
        fake_end(ex);
        assert_string_equal(fake_trailer(ex, "grpc-status"), "0");
        fake_close(ex, WF_OK);
    }
}

static void files_come_with_their_imports(void **state)
{
    static const struct {
        int ask;
        const char *name;
        size_t files; // 0: not found
    } cases[] = {{ASK(FILE_CONTAINING_SYMBOL), "watchfire.test.v1.TestService", 3},
                 {ASK(FILE_CONTAINING_SYMBOL), "watchfire.test.v1.TestService.Echo", 3},
                 {ASK(FILE_CONTAINING_SYMBOL), "watchfire.test.v1.Inner.Innermost", 3},
                 {ASK(FILE_CONTAINING_SYMBOL), "google.protobuf.Timestamp", 1},
                 {ASK(FILE_CONTAINING_SYMBOL), "no.such.Thing", 0},
                 {ASK(FILE_BY_FILENAME), "watchfire/test/v1/test.proto", 3},
                 {ASK(FILE_BY_FILENAME), "nope.proto", 0},
                 {ASK(ALL_EXTENSION_NUMBERS_OF_TYPE), "watchfire.test.v1.Inner", 0}};
    struct wf_exchange *ex = open_stream(*state, "v1");

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Request q = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
        q.message_request_case =
            (Grpc__Reflection__V1__ServerReflectionRequest__MessageRequestCase)cases[i].ask;
        q.file_by_filename = (char *)cases[i].name; // all of them share the place
        Response *a = ask(ex, &q);
        if (cases[i].files == 0) {
            assert_int_equal(a->message_response_case, CASE(ERROR_RESPONSE));
            assert_int_equal(a->error_response->error_code, WF_NOT_FOUND);
        } else {
            assert_int_equal(a->message_response_case, CASE(FILE_DESCRIPTOR_RESPONSE));
            assert_int_equal(a->file_descriptor_response->n_file_descriptor_proto, cases[i].files);
            ProtobufCBinaryData first = a->file_descriptor_response->file_descriptor_proto[0];
            Google__Protobuf__FileDescriptorProto *f =
                google__protobuf__file_descriptor_proto__unpack(NULL, first.len, first.data);
            assert_non_null(f);
            assert_null(f->source_code_info);
            google__protobuf__file_descriptor_proto__free_unpacked(f, NULL);
        }
        free_answer(a);
    }
    fake_end(ex);
    fake_close(ex, WF_OK);
}

static void one_who_does_not_read_is_sent_away(void **state)
{
    Request q = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    struct wf_exchange *ex = open_stream(*state, "v1");

    q.message_request_case = ASK(LIST_SERVICES);
    q.list_services = (char *)"";
    free_answer(ask(ex, &q));
    ex->queued = SIZE_MAX;
    struct wf_buf body = rig_frame(&q.base);
    fake_data(ex, body.data, body.len);
    assert_string_equal(fake_trailer(ex, "grpc-status"), "8");
    fake_data(ex, body.data, body.len); // what still comes is ignored
    fake_end(ex);
    wf_buf_free(&body);
    fake_close(ex, WF_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(services_are_listed),
        cmocka_unit_test(files_come_with_their_imports),
        cmocka_unit_test(one_who_does_not_read_is_sent_away),
    };
    return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
