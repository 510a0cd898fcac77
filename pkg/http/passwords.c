#include <openssl/crypto.h>
#include <stdlib.h>

#include "http/http_loop.h"
#include "metrics/metrics.h"

struct password_job {
    struct fr_loop_job loop_job;
    struct fr_call *call;
    fr_call_password_fn done;
    void *arg;
    struct fr_error error;
    enum fr_status status;
    bool verify;
    char hash[FR_PASSWORD_HASH_SIZE];
    size_t len;
    char password[];
};

static void work(struct fr_job *base)
{
    struct password_job *job = FR_CONTAINER_OF(base, struct password_job, loop_job.job);
    struct fr_str password = {job->password, job->len};
    if (!job->verify) {
        job->status = fr_password_hash(password, job->hash, &job->error);
    } else if (job->hash[0] != '\0') {
        job->status = fr_password_verify(password, job->hash, &job->error);
    } else {
        /* Nobody can tell by the time it takes that this user has no password. */
        char unused[FR_PASSWORD_HASH_SIZE];
        job->status = fr_password_hash(password, unused, &job->error);
        if (job->status == FR_OK)
            job->status = fr_error_set(&job->error, FR_UNAUTHENTICATED, NULL, "the user has no password");
    }
    OPENSSL_cleanse(job->password, job->len);
}

static void free_job(struct password_job *job)
{
    OPENSSL_cleanse(job->password, job->len);
    free(job);
}

static void finish(struct fr_loop_job *base)
{
    struct password_job *job = FR_CONTAINER_OF(base, struct password_job, loop_job);
    job->done(job->call, job->arg, job->status, job->status == FR_OK ? job->hash : NULL, &job->error);
    free_job(job);
}

void fr_http_deliver_answer(void *arg, struct fr_mail *mail)
{
    struct fr_loop_job *job = FR_CONTAINER_OF(mail, struct fr_loop_job, job.mail);
    job->finish(job);
}

static void submit(struct fr_call *call, struct fr_str password, const char *hash, fr_call_password_fn done,
                   void *arg)
{
    struct password_job *job = fr_alloc(sizeof *job + password.len + 1);
    job->loop_job.job.work = work;
    job->loop_job.job.answer_to = call->home->state.answers;
    job->loop_job.finish = finish;
    job->call = call;
    job->done = done;
    job->arg = arg;
    job->verify = hash != NULL;
    job->len = password.len;
    if (password.len > 0)
        memcpy(job->password, password.data, password.len);
    snprintf(job->hash, sizeof job->hash, "%s", hash != NULL ? hash : "");
    /* What it stays at if the workers stop before its turn. */
    job->status = fr_error_set(&job->error, FR_CANCELLED, NULL, "the gateway is stopping");
    if (fr_workers_submit(call->home->state.workers, &job->loop_job.job) != FR_OK) {
        free_job(job);
        fr_metric_add(FR_METRIC_PASSWORD_REFUSED, 1);
        fr_call_problem(call, FR_PROBLEM_PASSWORDS_BUSY, NULL, NULL);
    }
}

void fr_call_hash_password(struct fr_call *call, struct fr_str password, fr_call_password_fn done, void *arg)
{
    submit(call, password, NULL, done, arg);
}

void fr_call_verify_password(struct fr_call *call, struct fr_str password, const char *hash,
                             fr_call_password_fn done, void *arg)
{
    submit(call, password, hash != NULL ? hash : "", done, arg);
}
