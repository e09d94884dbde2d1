/*
 * Distances in metres between places given as degrees of longitude and latitude, on a sphere of the
 * Earth's mean radius (6,371,008.8 m; IUGG). The error against the ellipsoid is up to 0.5 %.
 */
#ifndef KITH_QUERY_GEOMETRY_SPHERE_H
#define KITH_QUERY_GEOMETRY_SPHERE_H

#include <stdbool.h>

struct place_at {
    double lon, lat; /* degrees, -180..180 and -90..90 */
};

bool sphere_holds(struct place_at a);
double sphere_distance(struct place_at a, struct place_at b);
/* Some point of the segment, straight in longitude and latitude, is within metres of centre. */
bool sphere_segment_within(struct place_at centre, struct place_at a, struct place_at b,
                           double metres);
/* All places within metres lie in the box (min x, min y, max x, max y). */
void sphere_box(struct place_at centre, double metres, double box[4]);

#endif
