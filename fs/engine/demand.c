/* See demand.h. */
#include "fs/engine/demand.h"

#include "catalog/model.h"

void demand_init(struct demand *demand)
{
    pthread_condattr_t attributes;

    *demand = (struct demand){0};
    pthread_mutex_init(&demand->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&demand->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

void demand_deinit(struct demand *demand)
{
    pthread_cond_destroy(&demand->changed);
    pthread_mutex_destroy(&demand->mutex);
}

uint64_t demand_number(struct demand *demand)
{
    uint64_t number;

    pthread_mutex_lock(&demand->mutex);
    number = demand->wanted;
    pthread_mutex_unlock(&demand->mutex);
    return number;
}

bool demand_is_open(struct demand *demand)
{
    bool open;

    pthread_mutex_lock(&demand->mutex);
    open = demand->met < demand->wanted;
    pthread_mutex_unlock(&demand->mutex);
    return open;
}

void demand_meet(struct demand *demand, uint64_t number, bool is_there, bool incomplete)
{
    pthread_mutex_lock(&demand->mutex);
    if (demand->met < number)
        demand->met = number;
    demand->is_there = is_there;
    demand->incomplete = incomplete;
    pthread_mutex_unlock(&demand->mutex);
    pthread_cond_broadcast(&demand->changed); /* who wakes up finds the mutex free */
}

void demand_await(struct demand *demand, int timeout_ms)
{
    struct timespec until = time_monotonic_in(timeout_ms);

    pthread_mutex_lock(&demand->mutex);
    while (!demand->ended && demand->met == demand->wanted)
        if (pthread_cond_timedwait(&demand->changed, &demand->mutex, &until) != 0)
            break;
    pthread_mutex_unlock(&demand->mutex);
}

void demand_end(struct demand *demand)
{
    pthread_mutex_lock(&demand->mutex);
    demand->ended = true;
    pthread_cond_broadcast(&demand->changed);
    pthread_mutex_unlock(&demand->mutex);
}

bool demand_engine_was_there(struct demand *demand)
{
    bool is_there;

    pthread_mutex_lock(&demand->mutex);
    is_there = demand->is_there;
    pthread_mutex_unlock(&demand->mutex);
    return is_there;
}

uint64_t demand_add(struct demand *demand)
{
    uint64_t number;

    pthread_mutex_lock(&demand->mutex);
    number = ++demand->wanted;
    pthread_cond_broadcast(&demand->changed);
    pthread_mutex_unlock(&demand->mutex);
    return number;
}

enum demand_result demand_wait(struct demand *demand, uint64_t number, const struct timespec *until)
{
    enum demand_result result;

    pthread_mutex_lock(&demand->mutex);
    while (!demand->ended && demand->met < number)
        if (pthread_cond_timedwait(&demand->changed, &demand->mutex, until) != 0)
            break;
    result = demand->met < number ? DEMAND_SILENT
             : demand->incomplete ? DEMAND_INCOMPLETE
                                  : DEMAND_MET;
    pthread_mutex_unlock(&demand->mutex);
    return result;
}
