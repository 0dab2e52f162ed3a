/*
 * (device, inode) → inode number of the tree. The store's own device needs no
 * lock: its small numbers are themselves.
 *
 * Lock: one, for the list of other devices and the map of large numbers.
 */
#include "fs/inode_number.h"

#include <pthread.h>
#include <stdlib.h>

struct large {
    uint64_t dev;
    uint64_t ino;
    uint64_t number;
};

struct inode_numbers {
    uint64_t first_device;
    pthread_mutex_t lock;
    uint64_t *devices;
    uint32_t device_count;
    struct large *large; /* open addressing, count ≤ half of size */
    uint32_t large_count;
    uint32_t large_size;
};

#define NUMBER_LIMIT (UINT64_C(1) << INODE_NUMBER_BITS)
#define LARGE_PREFIX (UINT64_C(0x8000) << INODE_NUMBER_BITS)

struct inode_numbers *inode_numbers_new(uint64_t first_device)
{
    struct inode_numbers *numbers = calloc(1, sizeof(*numbers));

    if (!numbers)
        return NULL;
    numbers->first_device = first_device;
    pthread_mutex_init(&numbers->lock, NULL);
    return numbers;
}

struct inode_numbers *inode_numbers_free(struct inode_numbers *numbers)
{
    if (!numbers)
        return NULL;
    pthread_mutex_destroy(&numbers->lock);
    free(numbers->devices);
    free(numbers->large);
    free(numbers);
    return NULL;
}

/* The prefix of a device, 1 and up; 0 when there is no room. */
static uint64_t device_prefix(struct inode_numbers *numbers, uint64_t dev)
{
    uint64_t *devices;

    for (uint32_t i = 0; i < numbers->device_count; i++)
        if (numbers->devices[i] == dev)
            return i + 1;
    if (numbers->device_count >= INODE_DEVICES_MAX - 1)
        return 0;
    devices = reallocarray(numbers->devices, numbers->device_count + 1, sizeof(*devices));
    if (!devices)
        return 0;
    numbers->devices = devices;
    devices[numbers->device_count++] = dev;
    return numbers->device_count;
}

static struct large *large_slot(struct large *large, uint32_t size, uint64_t dev, uint64_t ino)
{
    uint64_t h = (ino ^ (dev << 32)) * UINT64_C(0x9e3779b97f4a7c15);

    for (uint32_t i = (uint32_t)(h >> 32) & (size - 1);; i = (i + 1) & (size - 1))
        if (large[i].number == 0 || (large[i].dev == dev && large[i].ino == ino))
            return &large[i];
}

static int large_grow(struct inode_numbers *numbers)
{
    uint32_t size = numbers->large_size ? numbers->large_size * 2 : 64;
    struct large *large = calloc(size, sizeof(*large));

    if (!large)
        return -1;
    for (uint32_t i = 0; i < numbers->large_size; i++)
        if (numbers->large[i].number)
            *large_slot(large, size, numbers->large[i].dev, numbers->large[i].ino) =
                numbers->large[i];
    free(numbers->large);
    numbers->large = large;
    numbers->large_size = size;
    return 0;
}

static uint64_t large_number(struct inode_numbers *numbers, uint64_t dev, uint64_t ino)
{
    struct large *slot;

    if (numbers->large_count * 2 >= numbers->large_size && large_grow(numbers) < 0)
        return 0;
    slot = large_slot(numbers->large, numbers->large_size, dev, ino);
    if (!slot->number)
        *slot = (struct large){dev, ino, LARGE_PREFIX | ++numbers->large_count};
    return slot->number;
}

uint64_t inode_number_map(struct inode_numbers *numbers, uint64_t dev, uint64_t ino)
{
    uint64_t prefix, number;

    if (dev == numbers->first_device && ino < NUMBER_LIMIT)
        return ino;
    pthread_mutex_lock(&numbers->lock);
    if (ino >= NUMBER_LIMIT) {
        number = large_number(numbers, dev, ino);
    } else {
        prefix = device_prefix(numbers, dev);
        number = prefix ? prefix << INODE_NUMBER_BITS | ino : 0;
    }
    pthread_mutex_unlock(&numbers->lock);
    return number;
}
