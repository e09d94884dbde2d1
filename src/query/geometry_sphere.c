/*
 * Great circles between points (the haversine formula), and segments against a circle.
 *
 * A segment is straight in longitude and latitude, as all other relations see it: then the nearest
 * point lies in its envelope, and an index of envelopes stays right. There is no closed form for
 * its distance. A segment is halved: a part is out when even its nearest possible point,
 * (da + db - length) / 2 from the centre, is too far, and in when one of its ends is near enough. A
 * part that is short is searched for its minimum by golden section.
 */
#include "query/geometry_sphere.h"

#include <math.h>

#define RADIUS    6371008.8
#define RADIAN    0.017453292519943295
#define SHORT     20000.0 /* metres: parts of such a length have one minimum */
#define HALVINGS  12
#define STEPS     40      /* of the golden section: 20 km * 0.618^40 is below a tenth of a mm */
#define GOLDEN    0.6180339887498949
#define MARGIN    1e-9    /* degrees */

bool sphere_holds(struct place_at a)
{
    return a.lon >= -180 && a.lon <= 180 && a.lat >= -90 && a.lat <= 90;
}

double sphere_distance(struct place_at a, struct place_at b)
{
    double y = sin((b.lat - a.lat) * RADIAN / 2), x = sin((b.lon - a.lon) * RADIAN / 2);
    double h = y * y + cos(a.lat * RADIAN) * cos(b.lat * RADIAN) * x * x;
    return 2 * RADIUS * asin(sqrt(h < 1 ? h : 1));
}

/* At least the length of the segment: on the equator it would be as long. */
static double length_bound(struct place_at a, struct place_at b)
{
    return RADIUS * RADIAN * hypot(b.lon - a.lon, b.lat - a.lat);
}

static struct place_at between(struct place_at a, struct place_at b, double t)
{
    return (struct place_at){ a.lon + t * (b.lon - a.lon), a.lat + t * (b.lat - a.lat) };
}

static double least_distance(struct place_at centre, struct place_at a, struct place_at b)
{
    double from = 0, to = 1, left = 1 - GOLDEN, right = GOLDEN;
    double at_left = sphere_distance(centre, between(a, b, left));
    double at_right = sphere_distance(centre, between(a, b, right));
    for (int i = 0; i < STEPS; i++) {
        if (at_left < at_right) {
            to = right;
            right = left;
            at_right = at_left;
            left = to - GOLDEN * (to - from);
            at_left = sphere_distance(centre, between(a, b, left));
        } else {
            from = left;
            left = right;
            at_left = at_right;
            right = from + GOLDEN * (to - from);
            at_right = sphere_distance(centre, between(a, b, right));
        }
    }
    return at_left < at_right ? at_left : at_right;
}

static bool part_within(struct place_at centre, struct place_at a, struct place_at b,
                        double metres, int halvings)
{
    double da = sphere_distance(centre, a), db = sphere_distance(centre, b);
    double length = length_bound(a, b);
    if (da <= metres || db <= metres) return true;
    if ((da + db - length) / 2 > metres) return false;
    if (length <= SHORT || halvings == 0) return least_distance(centre, a, b) <= metres;
    struct place_at middle = between(a, b, 0.5);
    return part_within(centre, a, middle, metres, halvings - 1) ||
           part_within(centre, middle, b, metres, halvings - 1);
}

bool sphere_segment_within(struct place_at centre, struct place_at a, struct place_at b,
                           double metres)
{
    return part_within(centre, a, b, metres, HALVINGS);
}

void sphere_box(struct place_at centre, double metres, double box[4])
{
    double angle = metres / RADIUS, degrees = angle / RADIAN + MARGIN;
    box[0] = -180;
    box[2] = 180;
    box[1] = fmax(centre.lat - degrees, -90);
    box[3] = fmin(centre.lat + degrees, 90);
    if (box[1] <= -90 || box[3] >= 90) return; /* a pole is inside: any longitude */
    double width = asin(fmin(sin(angle) / cos(centre.lat * RADIAN), 1)) / RADIAN + MARGIN;
    if (centre.lon - width < -180 || centre.lon + width > 180) return; /* over the date line */
    box[0] = centre.lon - width;
    box[2] = centre.lon + width;
}
