// Monotone rational-quadratic splines, their inverse and their gradient: one pass over the numbers of each value.
// Equations are those of C. Durkan, A. Bekasov, I. Murray, G. Papamakarios (2019), Neural spline flows, arXiv 1906.04032.
//
// Arrays are contiguous: of n values, of n rows of 3 n_bins - 1 numbers (logarithms of relative widths, then of heights,
// then slopes at inner knots before a softplus), and of n rows of 2 n_bins sizes, the exponentials of the logarithms,
// which whoever calls computes many at a time.

#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#ifdef _WIN32
#define EXPORT extern "C" __declspec(dllexport)
#else
#define EXPORT extern "C" __attribute__((visibility("default")))
#endif

// What a spline of `n_bins` bins between -bound and bound is made of; see skabi/networks/_splines.py.
struct Shape {
    int64_t n_bins;
    double bound, smallest, largest, unit;

    int64_t n_numbers() const { return 3 * n_bins - 1; }
    double least() const { return 2 * bound * smallest; }
    double shared_out() const { return 2 * bound * (1 - n_bins * smallest); }
};

namespace {

// The bin that holds a value.
struct Bin {
    int64_t index;
    double x0, y0, width, height, d0, d1;
};

template <class T>
double scale(const Shape &shape, const T *sizes) {
    double sum = 0;
    for (int64_t i = 0; i < shape.n_bins; ++i)
        sum += sizes[i];
    return shape.shared_out() / sum;
}

template <class T>
double slope_at(const Shape &shape, const T *numbers, int64_t knot) {
    if (knot == 0 || knot == shape.n_bins)
        return 1;
    const double value = numbers[2 * shape.n_bins + knot - 1] + shape.unit;
    // log1p is half as fast, and would keep digits that the addition of the smallest slope drops.
    return std::max(value, 0.0) + std::log(1 + std::exp(-std::fabs(value))) + shape.smallest;
}

// Finds the bin by widths, or by heights where `by_height`.
template <class T>
Bin find(const Shape &shape, double value, const T *numbers, const T *sizes, bool by_height) {
    const T *searched = by_height ? sizes + shape.n_bins : sizes, *other = by_height ? sizes : sizes + shape.n_bins;
    const double searched_scale = scale(shape, searched), other_scale = scale(shape, other);
    double below = -shape.bound, size = shape.least() + searched_scale * searched[0];
    int64_t k = 0;
    while (k < shape.n_bins - 1 && value >= below + size) {
        below += size;
        ++k;
        size = shape.least() + searched_scale * searched[k];
    }
    double other_below = -shape.bound;
    for (int64_t i = 0; i < k; ++i)
        other_below += shape.least() + other_scale * other[i];
    const double other_size = shape.least() + other_scale * other[k];
    const double d0 = slope_at(shape, numbers, k), d1 = slope_at(shape, numbers, k + 1);
    if (by_height)
        return {k, other_below, below, other_size, size, d0, d1};
    return {k, below, other_below, size, other_size, d0, d1};
}

template <class T>
void forward(const Shape &shape, int64_t n, const T *x, const T *numbers, const T *sizes, T *y, T *log_derivative) {
    for (int64_t i = 0; i < n; ++i, numbers += shape.n_numbers(), sizes += 2 * shape.n_bins) {
        if (!(std::fabs(x[i]) < shape.bound)) {
            y[i] = x[i];
            log_derivative[i] = 0;
            continue;
        }
        const Bin bin = find(shape, x[i], numbers, sizes, false);
        const double slope = bin.height / bin.width, t = (x[i] - bin.x0) / bin.width, rest = 1 - t, tt = t * rest;
        const double denominator = slope + (bin.d0 + bin.d1 - 2 * slope) * tt;
        const double derivative = bin.d1 * t * t + 2 * slope * tt + bin.d0 * rest * rest;
        y[i] = static_cast<T>(bin.y0 + bin.height * (slope * t * t + bin.d0 * tt) / denominator);    // eq. 4
        log_derivative[i] = static_cast<T>(std::log(slope * slope * derivative / (denominator * denominator)));  // eq. 5
    }
}

template <class T>
void inverse(const Shape &shape, int64_t n, const T *y, const T *numbers, const T *sizes, T *x) {
    for (int64_t i = 0; i < n; ++i, numbers += shape.n_numbers(), sizes += 2 * shape.n_bins) {
        if (!(std::fabs(y[i]) < shape.bound)) {
            x[i] = y[i];
            continue;
        }
        const Bin bin = find(shape, y[i], numbers, sizes, true);
        const double slope = bin.height / bin.width, gap = y[i] - bin.y0;
        const double bend = gap * (bin.d0 + bin.d1 - 2 * slope);
        const double a = bin.height * (slope - bin.d0) + bend, b = bin.height * bin.d0 - bend, c = -slope * gap;  // eq. 6-8
        const double root = std::sqrt(std::max(b * b - 4 * a * c, 0.0));
        const double t = std::min(std::max(2 * c / (-b - root), 0.0), 1.0);
        x[i] = static_cast<T>(bin.x0 + t * bin.width);
    }
}

// From the gradient by y and by log dy/dx to that by x and by numbers.
template <class T>
void backward(const Shape &shape, int64_t n, const T *x, const T *numbers, const T *sizes, const T *of_y_,
              const T *of_log_, T *of_x_, T *of_numbers) {
    const int64_t n_bins = shape.n_bins;
    for (int64_t i = 0; i < n;
         ++i, numbers += shape.n_numbers(), of_numbers += shape.n_numbers(), sizes += 2 * n_bins) {
        std::fill(of_numbers, of_numbers + shape.n_numbers(), T(0));
        if (!(std::fabs(x[i]) < shape.bound)) {
            of_x_[i] = of_y_[i];
            continue;
        }
        const double of_y = of_y_[i], of_log = of_log_[i];
        const Bin bin = find(shape, x[i], numbers, sizes, false);
        const double slope = bin.height / bin.width, t = (x[i] - bin.x0) / bin.width, rest = 1 - t, tt = t * rest;
        const double curve = bin.d0 + bin.d1 - 2 * slope, change = rest - t;
        const double numerator = slope * t * t + bin.d0 * tt, denominator = slope + curve * tt;
        const double derivative = bin.d1 * t * t + 2 * slope * tt + bin.d0 * rest * rest;
        // By numerator and denominator of eq. 4 and the sum in eq. 5, then by what these are made of.
        const double of_numerator = of_y * bin.height / denominator;
        const double of_denominator = -(of_numerator * numerator + 2 * of_log) / denominator;
        const double of_sum = of_log / derivative;
        const double of_t = of_numerator * (2 * slope * t + bin.d0 * change) + of_denominator * curve * change +
                            2 * of_sum * (bin.d1 * t + slope * change - bin.d0 * rest);
        const double of_slope =
            of_numerator * t * t + of_denominator * (1 - 2 * tt) + 2 * (of_sum * tt + of_log / slope);
        const double of_d0 = of_numerator * tt + of_denominator * tt + of_sum * rest * rest;
        const double of_d1 = of_denominator * tt + of_sum * t * t;
        const double of_x = of_t / bin.width;
        const double of_width = -(of_slope * slope + of_t * t) / bin.width;
        const double of_height = of_y * numerator / denominator + of_slope / bin.width;
        of_x_[i] = static_cast<T>(of_x);
        // x moves to the right in its bin where the bins below it shrink, and y up where they grow.
        const double of_below[2] = {-of_x, of_y}, of_own[2] = {of_width, of_height};
        for (int axis = 0; axis < 2; ++axis) {
            const T *row = sizes + axis * n_bins, *logs = numbers + axis * n_bins;
            const double unit = scale(shape, row);
            double mean = of_own[axis] * row[bin.index];
            for (int64_t k = 0; k < bin.index; ++k)
                mean += of_below[axis] * row[k];
            mean *= unit / shape.shared_out();
            for (int64_t k = 0; k < n_bins; ++k) {
                const double of_size = k < bin.index ? of_below[axis] : k == bin.index ? of_own[axis] : 0;
                if (std::fabs(logs[k]) < shape.largest)
                    of_numbers[axis * n_bins + k] = static_cast<T>(unit * row[k] * (of_size - mean));
            }
        }
        // The derivative of a softplus by what it gives; slopes at the bounds are no numbers.
        if (bin.index > 0)
            of_numbers[2 * n_bins + bin.index - 1] = static_cast<T>(of_d0 * -std::expm1(shape.smallest - bin.d0));
        if (bin.index < n_bins - 1)
            of_numbers[2 * n_bins + bin.index] = static_cast<T>(of_d1 * -std::expm1(shape.smallest - bin.d1));
    }
}

}  // namespace

#define KERNELS(T, name)                                                                                               \
    EXPORT void forward_##name(Shape shape, int64_t n, const T *x, const T *numbers, const T *sizes, T *y,             \
                               T *log_derivative) {                                                                    \
        forward(shape, n, x, numbers, sizes, y, log_derivative);                                                       \
    }                                                                                                                  \
    EXPORT void inverse_##name(Shape shape, int64_t n, const T *y, const T *numbers, const T *sizes, T *x) {           \
        inverse(shape, n, y, numbers, sizes, x);                                                                       \
    }                                                                                                                  \
    EXPORT void backward_##name(Shape shape, int64_t n, const T *x, const T *numbers, const T *sizes, const T *of_y,   \
                                const T *of_log, T *of_x, T *of_numbers) {                                             \
        backward(shape, n, x, numbers, sizes, of_y, of_log, of_x, of_numbers);                                         \
    }

// Which arguments the kernels take, for a caller to compare with those that it passes.
EXPORT int kernels_interface() { return 1; }

KERNELS(float, float32)
KERNELS(double, float64)

// So that it is built, found and shipped like any other extension module; the kernels are called by their names.
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_spline_kernels", nullptr, -1, nullptr};

PyMODINIT_FUNC PyInit__spline_kernels(void) { return PyModule_Create(&module); }
