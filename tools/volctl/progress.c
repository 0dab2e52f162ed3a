/*
 * What is being copied, as a line on a terminal; see progress.h.
 *
 * One thread with a client of its own. It waits on a condition between two questions, so that the
 * end of the copy ends it at once; a question under way is short. The mutex guards `stop`.
 */
#include "tools/volctl/progress.h"

#include "tools/volctl/call.h"
#include "tools/volctl/client.h"

#include "catalog/cleanup.h"
#include "catalog/model.h"
#include "catalog/name.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_MS = 1000, PERIOD_MS = 200, BAR_WIDTH = 20, COLUMNS_DEFAULT = 80 };

static const double RATE_FIRST_S = 0.5; /* of less it says nothing */

struct progress {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    bool stop;
    bool shown;
    struct volctl volctl; /* of the thread only */
    struct progress_place place;
    char volume[NAME_MAX_LENGTH + 1]; /* that is filled now */
    struct timespec since;
    uint64_t first;
};

/* ---- the line --------------------------------------------------------------------- */

static void bar_write(FILE *stream, uint64_t bytes, uint64_t total)
{
    uint64_t full = bytes >= total ? BAR_WIDTH : BAR_WIDTH * (bytes >> 8) / ((total >> 8) + 1);

    fputc('[', stream);
    for (uint64_t i = 0; i < BAR_WIDTH; i++)
        fputc(i < full ? '=' : i == full ? '>' : ' ', stream);
    fputc(']', stream);
}

char *progress_line(const struct copied *copied, size_t columns)
{
    char bytes[TEXT_SHORT], total[TEXT_SHORT], rate[TEXT_SHORT], percent[TEXT_SHORT];
    _cleanup_(free_p) char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    uint64_t moved = copied->bytes > copied->first ? copied->bytes - copied->first : 0;

    if (!stream)
        return NULL;
    text_format_size(copied->bytes, bytes);
    text_format_size(copied->total, total);
    text_format_percent(copied->bytes, copied->total, percent);
    fputs("copying to volume ", stream);
    text_print(stream, copied->volume);
    fputs(": ", stream);
    if (copied->total) {
        bar_write(stream, copied->bytes, copied->total);
        fprintf(stream, " %s, %s of %s", percent, bytes, total);
    } else {
        fputs(bytes, stream);
    }
    if (copied->seconds >= RATE_FIRST_S) {
        text_format_size((uint64_t)((double)moved / copied->seconds), rate);
        fprintf(stream, ", %s/s", rate);
    }
    if (fclose(stream) != 0)
        return NULL;
    return text_cut(text, columns);
}

/* ---- the thread -------------------------------------------------------------------- */

static double seconds_since(const struct timespec *then)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - then->tv_sec) + (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

static size_t terminal_columns(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1U
                                                                           : COLUMNS_DEFAULT - 1U;
}

static void progress_erase(struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}

static void progress_show(struct progress *progress, const json_t *answer)
{
    struct copied copied = {.volume = field_text(answer, "Volume"),
                            .bytes = (uint64_t)field_number(answer, "Bytes"),
                            .total = (uint64_t)field_number(answer, "TotalBytes")};
    _cleanup_(free_p) char *line = NULL;

    if (strcmp(progress->volume, copied.volume) != 0) {
        snprintf(progress->volume, sizeof(progress->volume), "%s", copied.volume);
        clock_gettime(CLOCK_MONOTONIC, &progress->since);
        progress->first = copied.bytes;
    }
    copied.seconds = seconds_since(&progress->since);
    copied.first = progress->first;
    line = progress_line(&copied, terminal_columns());
    if (!line)
        return;
    fprintf(stderr, "\r%s\033[K", line);
    progress->shown = true;
}

/* What cannot be asked is not shown. */
static void progress_ask(struct progress *progress)
{
    _cleanup_(json_decref_p) json_t *answer = NULL;
    const char *const *at = progress->place.segments;
    struct call call = {.method = "GET", .segments = {at[0], at[1], at[2]}};

    if (call_daemon(&progress->volctl, &call, &answer, NULL) == 0 && *field_text(answer, "Volume"))
        progress_show(progress, answer);
    else
        progress_erase(progress);
}

/* True if the copy ended meanwhile. */
static bool progress_wait(struct progress *progress, int ms)
{
    struct timespec until = time_monotonic_in(ms);
    bool stop;

    pthread_mutex_lock(&progress->mutex);
    while (!progress->stop &&
           pthread_cond_timedwait(&progress->condition, &progress->mutex, &until) == 0)
        ;
    stop = progress->stop;
    pthread_mutex_unlock(&progress->mutex);
    return stop;
}

static void *progress_run(void *context)
{
    struct progress *progress = context;

    for (int ms = FIRST_MS; !progress_wait(progress, ms); ms = PERIOD_MS)
        progress_ask(progress);
    progress_erase(progress);
    client_free(progress->volctl.client);
    return NULL;
}

struct progress *progress_start(const char *socket, const struct progress_place *place)
{
    struct progress *progress = isatty(STDERR_FILENO) ? calloc(1, sizeof(*progress)) : NULL;
    pthread_condattr_t attributes;

    if (!progress)
        return NULL;
    progress->volctl.socket = socket;
    progress->place = *place;
    pthread_mutex_init(&progress->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&progress->condition, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&progress->thread, NULL, progress_run, progress) == 0)
        return progress;
    pthread_cond_destroy(&progress->condition);
    pthread_mutex_destroy(&progress->mutex);
    free(progress);
    return NULL;
}

void progress_stop(struct progress *progress)
{
    if (!progress)
        return;
    pthread_mutex_lock(&progress->mutex);
    progress->stop = true;
    pthread_cond_signal(&progress->condition);
    pthread_mutex_unlock(&progress->mutex);
    pthread_join(progress->thread, NULL);
    pthread_cond_destroy(&progress->condition);
    pthread_mutex_destroy(&progress->mutex);
    free(progress);
}
