/*
 * What waits for an administrator: a list of things that are wrong and that the
 * daemon must not put right by itself. One entry a subject.
 */
#include "catalog/cleanup.h"
#include "fs/volume_private.h"

#include <stdio.h>
#include <string.h>

enum { CONTAINER_SUBJECT_SIZE = CONTAINER_ID_MAX + 16 };

static void problem_deinit(struct problem *problem)
{
    free(problem->subject);
    free(problem->text);
    free(problem->next);
    *problem = (struct problem){0};
}

static struct problem *problem_find(struct volumes *volumes, const char *subject)
{
    for (size_t i = 0; i < volumes->problem_count; i++)
        if (strcmp(volumes->problems[i].subject, subject) == 0)
            return &volumes->problems[i];
    return NULL;
}

/* Takes the texts of `made`. */
static void problem_put(struct volumes *volumes, struct problem *made)
{
    struct problem *place = problem_find(volumes, made->subject);
    struct problem *grown;

    if (!place) {
        grown = reallocarray(volumes->problems, volumes->problem_count + 1, sizeof(*grown));
        if (!grown)
            return;
        volumes->problems = grown;
        place = &grown[volumes->problem_count++];
        *place = (struct problem){0};
    }
    problem_deinit(place);
    *place = *made;
    *made = (struct problem){0};
}

void volumes_problem_set(struct volumes *volumes, const char *subject, const char *text,
                         const char *next)
{
    _cleanup_(problem_deinit) struct problem made = {strdup(subject), strdup(text), strdup(next)};

    if (!made.subject || !made.text || !made.next)
        return;
    pthread_mutex_lock(&volumes->problems_mutex);
    problem_put(volumes, &made);
    pthread_mutex_unlock(&volumes->problems_mutex);
}

void volumes_problem_clear(struct volumes *volumes, const char *subject)
{
    struct problem *problem;

    pthread_mutex_lock(&volumes->problems_mutex);
    problem = problem_find(volumes, subject);
    if (problem) {
        problem_deinit(problem);
        *problem = volumes->problems[--volumes->problem_count];
    }
    pthread_mutex_unlock(&volumes->problems_mutex);
}

/* Volumes have the same names as containers. */
static void container_subject(const char *id, char out[CONTAINER_SUBJECT_SIZE])
{
    snprintf(out, CONTAINER_SUBJECT_SIZE, "container %s", id);
}

void volume_container_problem(struct volumes *volumes, const char *id, const char *text,
                              const char *next)
{
    char subject[CONTAINER_SUBJECT_SIZE];

    container_subject(id, subject);
    volumes_problem_set(volumes, subject, text, next);
}

void volume_container_problem_clear(struct volumes *volumes, const char *id)
{
    char subject[CONTAINER_SUBJECT_SIZE];

    container_subject(id, subject);
    volumes_problem_clear(volumes, subject);
}

int volumes_problems(struct volumes *volumes, problem_visitor visit, void *context)
{
    int r = 0;

    pthread_mutex_lock(&volumes->problems_mutex);
    for (size_t i = 0; r == 0 && i < volumes->problem_count; i++) {
        const struct problem *problem = &volumes->problems[i];

        r = visit(context, problem->subject, problem->text, problem->next);
    }
    pthread_mutex_unlock(&volumes->problems_mutex);
    return r;
}

void volumes_problems_deinit(struct volumes *volumes)
{
    for (size_t i = 0; i < volumes->problem_count; i++)
        problem_deinit(&volumes->problems[i]);
    free(volumes->problems);
    volumes->problems = NULL;
    volumes->problem_count = 0;
}
